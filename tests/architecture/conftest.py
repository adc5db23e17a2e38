"""The app as the host finds it, asked once in a process of its own: `get_functions` answers only the first time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from local import config


def settings_of_nowhere() -> dict[str, str]:
    """Settings that are complete and lead nowhere: importing the app calls nobody."""
    stack = config.new_stack() | {"ports": dict.fromkeys(("host", "services", "smtp", "cosmos", "blob"), 9)}
    return config.product_settings(stack)


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    """The environment of a process that imports the app, without anything of ours from outside."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
    return kept | {"PYTHONDONTWRITEBYTECODE": "1"} | settings_of_nowhere()


@pytest.fixture(scope="session")
def app(environment: dict[str, str]) -> dict[str, Any]:
    """What `tests.architecture.app` says: `functions` and the `modules` that importing the app brought in."""
    command = [sys.executable, "-m", "tests.architecture.app"]
    done = subprocess.run(command, env=environment, cwd=config.ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said
