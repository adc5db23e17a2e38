#!/bin/sh
# Hands a package to the app as it is: nothing is built anew, so what was tested is what runs.
# publish.sh APP GROUP PACKAGE.zip; wants `az login`. `az functionapp deployment` always builds Python again, and then
# asks the app's own address, which lets only the front door in.
set -eu
app=$1 group=$2 package=$3
host=$(az resource show --resource-type Microsoft.Web/sites --name "$app" --resource-group "$group" --output tsv \
  --query "properties.hostNameSslStates[?hostType=='Repository'].name | [0]")
token=$(az account get-access-token --query accessToken --output tsv)
answer=$(mktemp)
trap 'rm -f "$answer"' EXIT
ask() {
  # The header by standard input: a token among the arguments could be read in the list of processes.
  printf 'header = "Authorization: Bearer %s"\n' "$token" |
    curl --config - --silent --show-error --output "$answer" --write-out '%{http_code}' "$@" || echo 000
}

# A role that is new may not hold yet (400), somebody else's deployment may be under way (409).
tries=0
until status=$(ask --request POST --header 'Content-Type: application/zip' --data-binary "@$package" \
  "https://$host/api/publish?RemoteBuild=false&Deployer=pledge") && [ "$status" = 202 ]; do
  tries=$((tries + 1))
  if [ "$tries" -ge 10 ]; then
    echo "The package was not taken ($status): $(cat "$answer")" >&2
    exit 1
  fi
  sleep 30
done

deployment=$(tr -d '" \r\n' < "$answer")
tries=0
while [ "$tries" -lt 60 ]; do
  if [ "$(ask "https://$host/api/deployments/$deployment")" = 200 ]; then
    case $(python3 -c 'import json, sys; print(json.load(sys.stdin).get("status"))' < "$answer") in
      4) echo "$app: package taken."; exit 0 ;;
      -1 | 3 | 5 | 6) echo "The deployment failed: $(cat "$answer")" >&2; exit 1 ;;
    esac
  fi
  tries=$((tries + 1))
  sleep 5
done
echo "The deployment has not ended: $(cat "$answer")" >&2
exit 1
