"""Writes infra/deployed.lock: every package that is deployed, what they need themselves included, by version and hash.

python3.13 tools/lock.py, after requirements.txt has changed. pip itself chooses, for the deployed Python and system; of
this machine's own settings for pip only its certificates and proxies count.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
REQUIREMENTS, LOCK = ROOT / "requirements.txt", ROOT / "infra" / "deployed.lock"
PYTHON = (3, 13)
SYSTEMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
"""Flex Consumption's, newest first. A package without a wheel for them is not deployed."""
HEAD = "# What is deployed, by version and hash: written by tools/lock.py from requirements.txt.\n"


def resolved() -> list[tuple[str, str, str]]:
    """Name, version and SHA-256 of each package that pip would install."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PIP_") or name == "PIP_CERT"}
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", "--target", "none"]
    command += ["--only-binary=:all:", "--implementation", "cp"]
    command += ["--python-version", "{}.{}".format(*PYTHON), *(f"--platform={each}" for each in SYSTEMS)]
    command += ["--report", "-", "-r", str(REQUIREMENTS)]
    told = subprocess.run(
        command, env=kept | {"PIP_CONFIG_FILE": os.devnull}, stdout=subprocess.PIPE, text=True, check=True
    )
    return sorted(
        (
            _plain(each["metadata"]["name"]),
            each["metadata"]["version"],
            each["download_info"]["archive_info"]["hashes"]["sha256"],
        )
        for each in json.loads(told.stdout)["install"]
    )


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def main() -> int:
    """Write the file."""
    if sys.version_info[:2] != PYTHON:  # pip judges what depends on the Python by the one that it runs on.
        print("Run it with the deployed Python: python{}.{} tools/lock.py".format(*PYTHON))
        return 1
    lines = [f"{name}=={version} --hash=sha256:{digest}\n" for name, version, digest in resolved()]
    LOCK.write_text(HEAD + "".join(lines), "utf-8")
    print(f"{len(lines)} packages -> {LOCK.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
