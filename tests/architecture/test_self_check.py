"""An app that is set up wrongly does not start, and says each thing that is wrong in a sentence."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from typing import Any

import pytest

from local.config import ROOT, random_key
from shared.settings import BadSettings, load_settings
from tests.architecture.conftest import settings_of_nowhere

STATED = settings_of_nowhere()
PARTNERS = json.loads(STATED["PARTNERS"])
OUTSIDE = {"OUTBOUND_NETWORKS": ""}
"""As in Azure: without networks of our own."""


def partner(**other: Any) -> dict[str, str]:
    """The settings with one partner that is otherwise."""
    return {"PARTNERS": json.dumps(PARTNERS | {"learning": PARTNERS["learning"] | other})}


WEAK = base64.b64encode(b"x" * 23).decode()
SECRETS_NEEDED = "PARTNERS (learning) needs one to 3 secrets, one of them without an end."
ZEROS = base64.b64encode(b"\0" * 32).decode()
WRONG: dict[str, tuple[dict[str, str], str]] = {
    "no key for addresses": ({"ADDRESS_KEY": ""}, "ADDRESS_KEY is not set."),
    "no key for accounts": ({"PAYEE_KEY": ""}, "PAYEE_KEY is not set."),
    "a weak key": ({"ADDRESS_KEY": WEAK}, "ADDRESS_KEY is weaker than 24 bytes."),
    "a key of zeros": ({"PAYEE_KEY": ZEROS}, "PAYEE_KEY is not random: it repeats a few bytes."),
    "a key that is no base64": ({"ADDRESS_KEY": "secret"}, "ADDRESS_KEY is not base64."),
    "one key for two things": ({"PAYEE_KEY": STATED["ADDRESS_KEY"]}, "ADDRESS_KEY and PAYEE_KEY share a secret."),
    "a weak partner's secret": (partner(secrets=[WEAK]), "PARTNERS (learning) is weaker than 24 bytes."),
    "a one-byte secret": (partner(secrets=["whsec_YQ=="]), "PARTNERS (learning) is weaker than 24 bytes."),
    "a partner without a secret": (partner(secrets=[]), SECRETS_NEEDED),
    "four secrets": (partner(secrets=[random_key() for _ in range(4)]), SECRETS_NEEDED),
    "only secrets that end": (
        partner(secrets=[{"secret": random_key(), "until": "2030-01-01T00:00:00Z"}]), SECRETS_NEEDED,
    ),
    "a partner's secret that is another's": (
        partner(secrets=PARTNERS["payments"]["secrets"]), "PARTNERS (learning) and PARTNERS (payments) share a secret.",
    ),
    "a partner of no kind": (partner(kind="friend"), "PARTNERS (learning) is of a kind that nobody knows."),
    "partners that are no JSON": ({"PARTNERS": "{"}, "PARTNERS is not the JSON object it must be."),
    "a partner's address without https": (
        OUTSIDE | partner(url="http://x.example"), "PARTNERS (learning) needs https.",
    ),
    "an authority without https": (OUTSIDE, "AUTHORITY needs https."),
    "a store without https": (OUTSIDE, "COSMOS_ENDPOINT needs https."),
    "mail without TLS": (OUTSIDE, "SMTP_TLS is off: mail would go out for everybody to read."),
    "half a login": ({"SMTP_USERNAME": "pledge"}, "SMTP_USERNAME and SMTP_PASSWORD are set together or not at all."),
    "TLS perhaps": ({"SMTP_TLS": "maybe"}, "SMTP_TLS is neither on nor off."),
    "identity and key": (
        {"AZURE_CLIENT_ID": "x"}, "AZURE_CLIENT_ID names an identity, yet an account key is set: one or the other.",
    ),
    "the platform's own login": (
        {"WEBSITE_AUTH_ENABLED": "True"},
        "WEBSITE_AUTH_ENABLED is on, but it is this app that examines tokens: switch it off.",
    ),
    "a debug flag": (
        {"PYTHONASYNCIODEBUG": "1"},
        "PYTHONASYNCIODEBUG is set: a service for people is not run with what is for debugging.",
    ),
    "no sender": ({"MAIL_FROM": "Pledge"}, "MAIL_FROM holds no address."),
    "networks that are none": (
        {"OUTBOUND_NETWORKS": "everywhere"}, "OUTBOUND_NETWORKS holds something that is no network.",
    ),
    "a limit of nothing": ({"LINKS_PER_HOUR": "0"}, "LINKS_PER_HOUR must be a number above zero."),
}  # fmt: skip
"""What is wrong -> the settings with it, and the sentence."""


@pytest.mark.parametrize("what", sorted(WRONG))
def test_wrong_setting_is_told_in_a_sentence(what: str) -> None:
    change, sentence = WRONG[what]

    with pytest.raises(BadSettings) as told:
        load_settings(STATED | change)

    assert sentence in str(told.value).split("\n")


def test_right_settings_are_right() -> None:
    assert load_settings(STATED).tenant_id == STATED["TENANT_ID"]


def test_no_sentence_tells_a_secret() -> None:
    known = "a-secret-that-nobody-may-read"

    with pytest.raises(BadSettings) as told:
        load_settings(STATED | {"ADDRESS_KEY": known, "SMTP_PASSWORD": known} | partner(secrets=[known]))

    assert known not in str(told.value)
    assert known not in repr(load_settings(STATED | {"SMTP_USERNAME": "pledge", "SMTP_PASSWORD": known}))


def test_app_does_not_start_and_says_everything_that_is_wrong() -> None:
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
    wrong = STATED | {"ADDRESS_KEY": WEAK, "TENANT_ID": "", "WEBSITE_AUTH_ENABLED": "true"}

    done = subprocess.run(
        [sys.executable, "-c", "import function_app"], env=kept | wrong, cwd=ROOT, capture_output=True, text=True,
        timeout=120,
    )  # fmt: skip

    assert done.returncode != 0
    for sentence in ("ADDRESS_KEY is weaker than 24 bytes.", "TENANT_ID is not set.", "WEBSITE_AUTH_ENABLED is on"):
        assert sentence in done.stderr
