"""Schemathesis over the published interface, with all checks, as each kind of caller."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from functions.access import ACCESS
from shared.domain.life_cycle import Role
from tests.people import Applicant

CONFIG = Path(__file__).with_name("schemathesis.toml")
CALLERS = ("nobody", "link", *(role.value for role in (Role.SPECIALIST, Role.FINANCE, Role.ADMIN)))


def findings(applicant: Applicant, caller: str, where: Path, *more: str) -> str:
    """What a run as this caller says, about a case that is there, once it has found nothing; else the test fails."""
    token = {"nobody": "", "link": applicant.link}.get(caller) or (caller != "nobody" and applicant.stack.token(caller))
    config = where / "schemathesis.toml"
    config.write_text(CONFIG.read_text("utf-8") + f'\n[parameters]\n"path.case_id" = "{applicant.case_id}"\n', "utf-8")
    command = [str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(config), "run"]
    command += [f"{applicant.api}/openapi.json", "--suppress-health-check", "all", "--no-color", *more]
    command += ["-H", f"Authorization: Bearer {token}"] if token else []
    done = subprocess.run(command, cwd=where, capture_output=True, encoding="utf-8", timeout=1_500)
    assert done.returncode == 0, done.stdout[-8_000:] + done.stderr[-2_000:]
    return done.stdout


@pytest.mark.parametrize("caller", ["nobody", "admissions"])
def test_published_interface_keeps_its_word(applicant: Applicant, tmp_path: Path, caller: str) -> None:
    told = findings(applicant.applied(), caller, tmp_path, "--phases", "fuzzing", "-n", "1", "--seed", "1")

    tested = re.search(r"Selected: ([0-9]+)/\1\n +Tested: \1\n", told)
    assert tested and int(tested[1]) >= len(ACCESS) - 1


@pytest.mark.soak
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("caller", CALLERS)
def test_published_interface_keeps_its_word_at_length(applicant: Applicant, tmp_path: Path, caller: str) -> None:
    findings(applicant.applied(), caller, tmp_path, "--phases", "examples,coverage,fuzzing", "-n", "50")
