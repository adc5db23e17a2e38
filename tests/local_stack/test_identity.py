"""Staff tokens verify with PyJWT against the published keys, and carry what Entra ID's carry."""

import time
from typing import Any

import jwt
import pytest

from local import config

from .conftest import Services


def mint(services: Services, **wanted: Any) -> str:
    answer = services.client.post(f"{services.base['authority']}/token", json=wanted)
    return str(answer.json()["access_token"])


def verified(services: Services, token: str, **more: Any) -> dict[str, Any]:
    keys = jwt.PyJWKClient(f"{services.base['authority']}/{config.TENANT}/discovery/v2.0/keys")
    issuer = f"{services.base['authority']}/{config.TENANT}/v2.0"
    key = keys.get_signing_key_from_jwt(token).key
    claims: dict[str, Any] = jwt.decode(
        token,
        key,
        algorithms=["RS256"],
        audience=config.AUDIENCE,
        issuer=issuer,
        options={"require": ["exp", "nbf", "iat", "iss", "aud", "sub"]},
        **more,
    )
    return claims


def test_token_verifies_and_says_who_and_what(services: Services) -> None:
    claims = verified(services, mint(services, name="Oliver Stanton"))

    assert claims["roles"] == ["specialist", "finance"]
    assert claims["oid"] == next(one["object_id"] for one in config.STAFF if one["name"] == "Oliver Stanton")
    assert (claims["tid"], claims["azp"], claims["ver"]) == (config.TENANT, config.CLIENT, "2.0")
    assert claims["scp"] == "access_as_user"
    assert claims["exp"] - claims["iat"] == 3600
    assert abs(claims["iat"] - time.time()) < 5
    assert claims["sub"] != claims["oid"]


def test_any_claim_can_be_set_or_dropped(services: Services) -> None:
    person = config.STAFF[0]["object_id"]

    token = mint(services, object_id=person, roles=["admin"], claims={"tid": "elsewhere", "scp": None})

    claims = verified(services, token)
    assert (claims["roles"], claims["tid"]) == (["admin"], "elsewhere")
    assert "scp" not in claims


def test_expired_token_can_be_had(services: Services) -> None:
    token = mint(services, name="Ines Moreau", expires_in=-60)

    with pytest.raises(jwt.ExpiredSignatureError):
        verified(services, token)


def test_nobody_gets_no_token(services: Services) -> None:
    answer = services.client.post(f"{services.base['authority']}/token", json={"name": "Nobody"})

    assert answer.status_code == 404
    assert "Ines Moreau" in answer.json()["error"]


def test_three_people_hold_each_role_and_one_holds_two() -> None:
    for role in ("specialist", "admissions", "careers", "finance", "auditor", "admin"):
        assert sum(one["roles"] == [role] for one in config.STAFF) == 3
    assert [one["roles"] for one in config.STAFF if len(one["roles"]) > 1] == [["specialist", "finance"]]
