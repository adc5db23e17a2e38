#!/bin/sh
# After a deployment: are all functions there, and does the service answer over the address that people use?
# smoke.sh APP GROUP ADDRESS [FUNCTIONS] [VERSION]; a version that is named must be the one that answers.
set -eu
app=$1 group=$2 address=$3 expected=${4:-} version=${5:-}
tries=0
found=0
while [ "$tries" -lt 20 ]; do
  # A hiccup of the control plane, or a host that has just been made, is no answer yet.
  found=$(az functionapp function list --name "$app" --resource-group "$group" --query 'length(@)' --output tsv || echo 0)
  if [ "${found:-0}" -gt 0 ] && { [ -z "$expected" ] || [ "$found" -eq "$expected" ]; }; then break; fi
  tries=$((tries + 1))
  sleep 15
done
if [ "${found:-0}" -eq 0 ] || { [ -n "$expected" ] && [ "$found" -ne "$expected" ]; }; then
  echo "The host found ${found:-0} functions instead of ${expected:-some}: read the log of its start." >&2
  exit 1
fi
answer=$(curl --fail --silent --show-error --retry 10 --retry-delay 15 --retry-all-errors "$address/api/health/live")
echo "$answer" | EXPECTED=$version python3 -c "
import json, os, sys
expected = os.environ['EXPECTED']
said = json.load(sys.stdin).get('version')
sys.exit(expected != '' and said != expected and f'Version {said} answers instead of {expected}.')"
echo "$app: $found functions, alive."
