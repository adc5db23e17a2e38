#!/bin/sh
# make infra-check: what needs heavier tools than the tests do. They get an environment of their own.
set -eu
cd "$(dirname "$0")/.."
venv=${INFRA_VENV:-.venv-infra}
if [ ! -x "$venv/bin/checkov" ]; then
  python3 -m venv "$venv"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check checkov==3.3.30 zizmor==1.32.0 check-jsonschema==0.39.0
fi
# checkov ends well when it could read nothing, so what it read is looked at.
"$venv/bin/checkov" --config-file .checkov.yaml -d infra -o json > "$venv/checkov.json" || true
"$venv/bin/python" - "$venv/checkov.json" <<'P'
import json, sys
report = json.load(open(sys.argv[1]))
failed = [f"{each['check_id']} {each['resource']}" for each in report["results"]["failed_checks"]]
summary = report["summary"]
print("checkov:", summary)
if failed or summary["parsing_errors"] or summary["resource_count"] < 50:
    sys.exit("\n".join(["checkov found something, or did not read everything:", *failed]))
P
"$venv/bin/zizmor" --offline --no-progress .github/workflows
"$venv/bin/check-jsonschema" --builtin-schema vendor.github-workflows .github/workflows/*.yml
"$venv/bin/check-jsonschema" --builtin-schema vendor.dependabot .github/dependabot.yml
