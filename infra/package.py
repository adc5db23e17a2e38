"""Builds the one package that goes through dev, test and prod: python infra/package.py OUT.zip [--count | --version]

It holds what `.funcignore` leaves, the packages of infra/deployed.lock and bytecode that is valid wherever it is
unpacked: a deployed package is read-only, so what is not compiled here is compiled at every cold start.
"""

from __future__ import annotations

import base64
import compileall
import fnmatch
import hashlib
import os
import py_compile
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = ".python_packages/lib/site-packages"
MADE_UP = ("TENANT_ID", "API_AUDIENCE", "API_CLIENT_IDS", "ADDRESS_KEY", "PAYEE_KEY")
"""What the example of settings leaves open and the app insists on."""


def packaged() -> list[Path]:
    """The entries at the top of the repository that are deployed."""
    lines = (ROOT / ".funcignore").read_text("utf-8").splitlines()
    patterns = [line.removeprefix("/") for line in lines if line and not line.startswith("#")]
    return sorted(
        path for path in ROOT.iterdir() if not any(fnmatch.fnmatch(path.name, pattern) for pattern in patterns)
    )


def count_functions() -> int:
    """How many functions the host must find, counted by loading the app with settings that fit."""
    import json

    example = json.loads((ROOT / "local.settings.json.example").read_text("utf-8"))["Values"]
    # Each another one: the app refuses secrets that are weak or used twice.
    made_up = {name: base64.b64encode(hashlib.sha256(name.encode()).digest()).decode() for name in MADE_UP}
    stated = example | made_up
    program = "import function_app; print(len(function_app.app.get_functions()))"
    found = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=os.environ | stated, capture_output=True, text=True, check=True
    )
    return int(found.stdout.split()[-1])


def version() -> str:
    """What the package says it is: the version, and the commit that it was made from."""
    stated = (ROOT / "version.txt").read_text("utf-8").strip()
    return f"{stated}+{os.environ.get('GITHUB_SHA', 'unreleased')[:12]}"


def build(target: Path) -> None:
    """Write the package to `target` (a .zip)."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for entry in packaged():
            if entry.is_dir():
                shutil.copytree(entry, place / entry.name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(entry, place)
        (place / "version.txt").write_text(version(), "utf-8")
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--target", place / PACKAGES]
        subprocess.run([*install, "--require-hashes", "--no-deps", "-r", ROOT / "infra/deployed.lock"], check=True)
        mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
        # Paths in tracebacks are shown as they are on the host.
        compileall.compile_dir(
            place, quiet=1, invalidation_mode=mode, stripdir=str(place), prependdir="/home/site/wwwroot"
        )
        shutil.make_archive(str(target.with_suffix("")), "zip", place)


if __name__ == "__main__":
    if "--count" in sys.argv:
        print(count_functions())
    elif "--version" in sys.argv:
        print(version())
    else:
        build(Path(sys.argv[1]))
