"""The staff's identity provider: access tokens like those of Entra ID (v2), its keys, and a way to get any token."""

import base64
import hashlib
import json
import uuid
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from jwt.algorithms import RSAAlgorithm
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local import config
from local.clock import Now

TOKEN_SECONDS = 3600


class Issuer:
    """Signs tokens for the stack's people by the stack's clock."""

    def __init__(self, authority: str, key_pem: str, clock: Now) -> None:
        self._authority = authority
        self._clock = clock
        key = serialization.load_pem_private_key(key_pem.encode(), password=None)
        assert isinstance(key, RSAPrivateKey)  # The stack makes no other.
        self._key = key
        self._public = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
        self._kid = base64.urlsafe_b64encode(hashlib.sha256(self._public["n"].encode()).digest())[:27].decode()

    def token(self, person: dict[str, Any], overrides: dict[str, Any] | None = None) -> str:
        """An access token of one person; overrides are `roles`, `expires_in` and `claims` (null drops a claim)."""
        overrides = overrides or {}
        now = int(self._clock().timestamp())
        claims = {
            "aud": config.AUDIENCE,
            "iss": f"{self._authority}/{config.TENANT}/v2.0",
            "iat": now,
            "nbf": now,
            "exp": now + int(overrides.get("expires_in", TOKEN_SECONDS)),
            "azp": config.CLIENT,
            "azpacr": "0",
            "name": person["name"],
            "oid": person["object_id"],
            "preferred_username": f"{person['name'].lower().replace(' ', '.')}@staff.pledge.example",
            "roles": overrides.get("roles", person["roles"]),
            "scp": "access_as_user",
            # Entra's subject differs for each application a person signs in to, so it is not the object id.
            "sub": base64.urlsafe_b64encode(hashlib.sha256(person["object_id"].encode()).digest()).decode()[:43],
            "tid": config.TENANT,
            "uti": uuid.uuid4().hex[:22],
            "ver": "2.0",
            **overrides.get("claims", {}),
        }
        present = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(present, self._key, algorithm="RS256", headers={"kid": self._kid})

    def routes(self) -> list[Route]:
        """What the provider answers, below its base address."""
        return [
            Route("/token", self._token, methods=["POST"]),
            Route("/{tenant}/discovery/v2.0/keys", self._keys, methods=["GET"]),
            Route("/{tenant}/v2.0/.well-known/openid-configuration", self._configuration, methods=["GET"]),
        ]

    async def _token(self, request: Request) -> Response:
        wanted = json.loads(await request.body() or b"{}")
        for person in config.STAFF:
            if wanted.get("object_id") == person["object_id"] or wanted.get("name") == person["name"]:
                return JSONResponse(
                    {
                        "access_token": self.token(person, wanted),
                        "token_type": "Bearer",
                        "expires_in": wanted.get("expires_in", TOKEN_SECONDS),
                    }
                )
        names = ", ".join(str(person["name"]) for person in config.STAFF)
        return JSONResponse({"error": f"Nobody has this object_id or name. There are: {names}."}, status_code=404)

    async def _keys(self, request: Request) -> Response:
        if request.path_params["tenant"] != config.TENANT:
            return JSONResponse({"error": "invalid_tenant"}, status_code=400)
        numbers = {name: self._public[name] for name in ("kty", "n", "e")}
        key = {**numbers, "kid": self._kid, "use": "sig", "issuer": f"{self._authority}/{config.TENANT}/v2.0"}
        return JSONResponse({"keys": [key]})

    async def _configuration(self, request: Request) -> Response:
        if request.path_params["tenant"] != config.TENANT:
            return JSONResponse({"error": "invalid_tenant"}, status_code=400)
        base = f"{self._authority}/{config.TENANT}"
        return JSONResponse(
            {
                "issuer": f"{base}/v2.0",
                "jwks_uri": f"{base}/discovery/v2.0/keys",
                "id_token_signing_alg_values_supported": ["RS256"],
            }
        )
