"""A part of the SDK's own tests, and the list of what has to pass; the whole is `make conformance`."""

import subprocess
import sys

import pytest

from tests.local_cosmos.conftest import REPOSITORY
from tools.cosmos_sdk_tests import MUST_PASS, NOT_FETCHED, QUICK, all_files, listed, module_of


def test_part_of_the_sdks_own_tests_passes() -> None:
    command = [sys.executable, "tools/cosmos_sdk_tests.py", "--quick"]
    ended = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)

    if ended.returncode == NOT_FETCHED:
        pytest.skip("the SDK's tests could not be fetched from PyPI")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert all(file in ended.stdout for file in QUICK)


def test_must_pass_list_is_of_the_files_that_are_run() -> None:
    required = listed(MUST_PASS)
    modules = {file.removesuffix(".py") for file in all_files()}

    assert len(required) == len(set(required)) > 900
    assert {module_of(name) for name in required} <= modules
    assert set(QUICK) <= set(all_files())
