"""Rows of the corpus about who is calling: staff's tokens (A), links (G), staff's writes (B), idempotency keys (I)."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from local.clock import parse_instant
from local.testing import Stack
from tests.people import Applicant, calls_so_far, store_calls

QUEUE = "work-queue"
ROGUE = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def segment(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def written_of_people(stack: Stack, since: int) -> set[str]:
    """The containers about people that anything was written to."""
    reading = ("Read", "SqlQuery", "QueryPlan", "ReadFeed")
    calls = [call for call in store_calls(stack, since) if call["operation"] not in reading]
    return {call["container"] for call in calls} & {"cases", "links", "addresses", "inbox", "reads", "catalogue"}


class Minted:
    """Tokens that are right but for what a case says."""

    def __init__(self, stack: Stack) -> None:
        self.genuine = stack.token("admissions")
        self.claims: dict[str, Any] = jwt.decode(self.genuine, options={"verify_signature": False})
        self.header: dict[str, Any] = jwt.get_unverified_header(self.genuine)
        self.key = json.loads((stack.data / "stack.json").read_text("utf-8"))["issuer_key"]
        self.now = int(parse_instant(stack.now()).timestamp())

    def __call__(self, header: dict[str, Any] | None = None, key: Any = None, **claims: Any) -> str:
        said = {name: value for name, value in (self.claims | claims).items() if value is not None}
        return jwt.encode(said, key or self.key, algorithm="RS256", headers=self.header | (header or {}))

    def raw(self, payload: str, header: str | None = None) -> str:
        """A token with exactly this payload, signed with the issuer's own key."""
        signed = f"{segment((header or json.dumps(self.header | {'typ': 'JWT'})).encode())}.{segment(payload.encode())}"
        algorithm = jwt.algorithms.RSAAlgorithm(jwt.algorithms.RSAAlgorithm.SHA256)
        signature = algorithm.sign(signed.encode(), cast(rsa.RSAPrivateKey, algorithm.prepare_key(self.key)))
        return f"{signed}.{segment(signature)}"


@pytest.fixture(autouse=True)
def _next_one_is_served(stack: Stack) -> Iterator[None]:
    """Whatever a row sends, whoever comes right after it is served."""
    yield
    assert Applicant(stack).apply().status_code == 202


Tokens = dict[str, tuple[int, list[str | dict[str, str]]]]


@pytest.fixture(scope="module")
def mint(stack: Stack) -> Minted:
    return Minted(stack)


@pytest.fixture(scope="module")
def tokens(mint: Minted) -> Tokens:
    """Row -> the status, and the tokens (or whole headers) that get it."""
    good, text = mint.genuine, json.dumps(mint.claims)
    public = mint.header | {"alg": "HS256"}
    issuer, other = mint.claims["iss"], str(uuid.uuid4())
    forged = {
        "jku": "https://evil.example/keys",
        "x5u": "https://evil.example/cert",
        "jwk": {"kty": "RSA"},
        "kid": "rogue",
    }
    none = segment(json.dumps({"alg": "none"}).encode())
    doubled = text[:-1] + ', "roles": ["admin"]}'
    return {
        "A1": (401, [{}, {"Authorization": "Basic YTpi"}, {"Authorization": "Bearer"}, {"Authorization": "Bearer ,"},
                     {"Authorization": f"Bearer {good},Bearer {good}"}, {"Authorization": f"Bearer {good} {good}"}]),
        "A2": (401, [f"{none}.{segment(text.encode())}.", jwt.encode(mint.claims, "x" * 32, "HS256", headers=public)]),
        "A3": (401, [mint(key=ROGUE), mint(forged, key=ROGUE), mint({"jwk": forged["jwk"]}, key=ROGUE)]),
        "A4": (401, [mint(exp=mint.now - 120), mint(exp=None), mint(exp="never"), mint(exp=True), mint(exp=1e300)]),
        "A5": (401, [mint({"kid": "../../x"}), mint({"kid": "k" * 10_000}), mint({"kid": ""})]),
        "A6": (401, [mint(**{name: None}) for name in ("nbf", "iat", "iss", "aud", "tid", "oid", "sub", "ver")]),
        "A7": (401, [mint(nbf=mint.now + 3_600), mint(iat=mint.now + 3_600)]),
        "A8": (401, [mint(iss=iss) for iss in ("https://evil.example", f"{issuer}/", issuer.upper())]),
        "A9": (401, [mint(aud=aud) for aud in ("00000003-0000-0000-c000-000000000000", mint.claims["azp"], "api://x.evil",
                                               [mint.claims["aud"], "another"], [], "")]),
        "A10": (401, [mint(azp=None), mint(azp=other), mint(azp="")]),
        "A11": (401, [mint(tid=other), mint(iss=issuer.replace(mint.claims["tid"], other))]),
        "A12": (401, [f"{good[:-4]}AAAA", good.rpartition(".")[0] + ".", f"{good}.x", good.replace(".", "..", 1)]),
        "A13": (403, [mint(idtyp="app"), mint(idtyp="app", scp=None)]),
        "A14": (401, ["a.b.c", "...", f"{segment(b'{')}.{segment(b'{}')}.x", f"{segment(b'[]')}.{segment(b'[]')}.x"]),
        "A15": (403, [mint(scp=None, roles=None), mint(roles=None), mint(roles=[]), mint(scp="")]),
        "A17": (403, [mint(roles=[role]) for role in ("Admissions", "admissions ", "ADMIN", "applicant")]),
        "A18": (403, [mint(roles="admissions"), mint(roles={"admissions": True}), mint(roles=[["admissions"]]),
                      mint(roles=[{"a": 1}]), mint(roles=[None, 7])]),
        "A19": (401, [mint.raw(doubled), mint.raw(text, json.dumps(mint.header)[:-1] + ', "alg": "RS256"}')]),
        "A20": (401, [mint.raw("[]"), mint.raw("null"), mint.raw('"a"'), mint.raw("{")]),
        "A21": (431, [mint(padding="x" * 15_000)]),
        "A23": (401, [{"X-MS-CLIENT-PRINCIPAL": segment(b'{"claims":[{"typ":"roles","val":"admin"}]}')}]),
        "A24": (401, [{"Cookie": f"token={good}"}, {"X-Authorization": f"Bearer {good}"}]),
        "A25": (403, [mint(acct=1)]),
        "A29": (401, [{"x-functions-key": "master"}]),
    }  # fmt: skip


ROWS = [f"A{number}" for number in (*range(1, 16), *range(17, 22), 23, 24, 25, 29)]


@pytest.mark.parametrize("row", ROWS)
def test_token_of_the_corpus(stack: Stack, mint: Minted, tokens: Tokens, row: str) -> None:
    status, stated = tokens[row]
    since = calls_so_far(stack)

    for each in stated:
        headers = each if isinstance(each, dict) else {"Authorization": f"Bearer {each}"}
        answer = stack.client.get(f"{stack.api}/{QUEUE}", headers=headers)
        assert answer.status_code == status, (row, str(each)[:80], answer.text)
        if status == 401:
            assert answer.headers["www-authenticate"] == "Bearer"
    good = stack.client.get(f"{stack.api}/{QUEUE}", headers={"Authorization": f"Bearer {mint.genuine}"})
    assert good.status_code == 200
    assert written_of_people(stack, since) == set()


def test_every_row_about_tokens_is_run(tokens: Tokens) -> None:
    assert sorted(tokens) == sorted(ROWS)


def test_token_of_a_megabyte_is_refused_before_it_is_read(stack: Stack) -> None:
    try:
        answer = stack.client.get(f"{stack.api}/{QUEUE}", headers={"Authorization": "Bearer a." + "x" * 1_000_000})
    except httpx.TransportError:
        return  # The front end closes the connection on it.
    assert answer.status_code in (400, 401, 431)


@pytest.mark.parametrize(
    "token", ["A" * 43, "A" * 42, "A" * 44, "A" * 43 + "=", "x" * 10_000, "Ā" * 43, "../../x", "A-_" * 14 + "A"]
)
def test_g1_link_that_nobody_was_given_is_not_found_or_nobodys(stack: Stack, applicant: Applicant, token: str) -> None:
    applicant.applied()
    since = calls_so_far(stack)

    answer = stack.client.get(
        f"{stack.api}/cases/{applicant.case_id}", headers={b"Authorization": f"Bearer {token}".encode()}
    )

    assert answer.status_code in (401, 404)
    assert token not in answer.text
    assert written_of_people(stack, since) == set()


def test_g5_scanners_that_look_first_use_nothing_up(stack: Stack, applicant: Applicant) -> None:
    applicant.applied()
    for method in ("GET", "HEAD", "OPTIONS"):
        stack.client.request(method, f"{stack.api}/cases/{applicant.case_id}", headers=applicant.bearer)

    assert applicant.does("corrections", motivation="Still I.").status_code == 200


def test_g7_link_of_one_person_opens_no_other_case(stack: Stack, applicant: Applicant) -> None:
    other = Applicant(stack).applied()
    applicant.applied()

    strange = stack.client.get(f"{stack.api}/cases/{other.case_id}", headers=applicant.bearer)
    nothing = stack.client.get(f"{stack.api}/cases/{'z' * 26}", headers=applicant.bearer)

    assert (strange.status_code, strange.content) == (404, nothing.content)


@pytest.mark.parametrize("name", ["token", "access_token", "link"])
def test_g9_link_in_an_address_opens_nothing_and_is_ended(stack: Stack, applicant: Applicant, name: str) -> None:
    applicant.applied()
    address = f"{stack.api}/cases/{applicant.case_id}"
    unknown = stack.client.get(f"{address}?{name}={'A' * 43}")
    before = applicant.sees()

    answer = stack.client.get(f"{address}?{name}={applicant.link}")

    assert (unknown.status_code, before.status_code) == (401, 200)
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/link-in-address")
    assert applicant.link not in answer.text
    assert applicant.sees().status_code == 410


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "cases/{case}?t={case}.{link}"),
        ("GET", "cases/{case}?t=x&t={link}"),
        ("GET", "cases/{case}?{link}"),
        ("GET", "openapi.json?t={link}"),
        ("POST", "links?t={link}"),
        ("POST", "applications?t={case}%2E{link}"),
        ("POST", "applications?t=%257B{link}%257D"),
        ("GET", "cases/{link}"),
        ("GET", "cases/{case}/documents/{case}%2E{link}"),
    ],
)
def test_g9_link_is_ended_wherever_in_an_address_it_stands(
    stack: Stack, applicant: Applicant, method: str, path: str
) -> None:
    applicant.applied()
    address = path.replace("{case}", applicant.case_id).replace("{link}", applicant.link)

    answer = stack.client.request(method, f"{stack.api}/{address}", json={} if method == "POST" else None)

    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/link-in-address")
    assert applicant.sees().status_code == 410


def test_where_a_case_stands_is_told_with_a_refusal_to_staff_only(applicant: Applicant) -> None:
    applicant.applied()

    person = applicant.does("offer-answer", answer="accept")
    staff = applicant.staff("admissions", "offer-withdrawal", reasons=["mistake"])

    assert (person.status_code, staff.status_code) == (409, 409)
    assert "current" not in person.json()
    assert staff.json()["current"] == "submitted"


def test_g11_only_the_address_as_it_was_given_is_written_to(stack: Stack, applicant: Applicant) -> None:
    applicant.applied()
    known = len(stack.mail(applicant.email))
    asked = [applicant.email.replace("@", "+x@"), applicant.email.replace("-", ".-", 1), f"x{applicant.email}"]

    for address in asked:
        assert stack.client.post(f"{stack.api}/links", json={"email": address}).status_code == 202
    assert stack.client.post(f"{stack.api}/links", json={"email": applicant.email.upper()}).status_code == 202

    assert len(stack.wait_for_mail(applicant.email, known + 1)) == known + 1
    assert [len(stack.mail(address)) for address in asked] == [0, 0, 0]


@pytest.mark.parametrize(
    "case_id", ["a%2Fb", "a?b=1", "%E2%80%AEa", "..%2f..%2fx", "%00", "a" * 129, "A" * 26, "'--", "*"]
)
def test_b3_id_that_is_none_is_not_found(stack: Stack, case_id: str) -> None:
    bearer = {"Authorization": f"Bearer {stack.token('admissions')}"}
    since = calls_so_far(stack)

    assert stack.client.get(f"{stack.api}/cases/{case_id}", headers=bearer).status_code == 404
    assert written_of_people(stack, since) == set()


@pytest.mark.parametrize("after", ["x", "~~", "a~b~c", "' OR 1=1", "\u202e~x", "9" * 101])
def test_b5_forged_continuation_finds_nothing_or_is_refused(stack: Stack, after: str) -> None:
    bearer = {"Authorization": f"Bearer {stack.token('admissions')}"}
    since = calls_so_far(stack)

    answer = stack.client.get(f"{stack.api}/work-queue", params={"after": after}, headers=bearer)

    assert answer.status_code in (200, 400, 422)
    assert answer.status_code != 200 or isinstance(answer.json()["work"], list)
    assert written_of_people(stack, since) == set()


def test_b7_to_b13_staff_writes_of_the_corpus(applicant: Applicant) -> None:
    applicant.applied()
    url = f"{applicant.api}/cases/{applicant.case_id}"
    seen = applicant.staff_headers("admissions")
    key = {"Idempotency-Key": uuid.uuid4().hex}
    decision = {"outcome": "offer"}

    def decided(headers: dict[str, str], body: dict[str, Any] = decision) -> int:
        return applicant.client.post(f"{url}/admission-decision", json=body, headers=headers | key).status_code

    without = {name: value for name, value in seen.items() if name != "If-Match"}
    assert [decided(without), decided(seen | {"If-Match": '"old"'}), decided(seen | {"If-Match": "*"})] == [
        428,
        412,
        400,
    ]
    assert decided(seen | {"If-Match": seen["If-Match"] + ", " + seen["If-Match"]}) == 400
    assert decided(seen | {"If-Match": "W/" + seen["If-Match"]}) == 400
    assert decided(seen, decision | {"decided_by": "staff-7"}) == 422
    assert applicant.staff("specialist", "screening-events", kind="note", note="n" * 20_001).status_code == 422
    assert applicant.does("withdrawal").status_code == 200
    assert decided(applicant.staff_headers("admissions")) == 409
    assert applicant.record()["application"]["status"] == "withdrawn"
    assert [event["kind"] for event in applicant.events()] == ["application_submitted", "application_withdrawn"]


def test_i_keys_of_the_corpus(applicant: Applicant) -> None:
    applicant.to_decision()
    url = f"{applicant.api}/cases/{applicant.case_id}/admission-decision"
    headers = applicant.staff_headers("admissions")
    key = str(uuid.uuid4())

    def decided(given: str | None, content: str = '{"outcome": "offer"}') -> httpx.Response:
        more = {"Content-Type": "application/json"} | ({"Idempotency-Key": given} if given is not None else {})
        return applicant.client.post(url, content=content, headers=headers | more)

    assert decided(None).json()["type"] == "/problems/idempotency-key-missing"  # I1
    for odd in ("short", "x" * 129, "a b" * 8, f"{key},{key}", f'"{key}', "é" * 20):  # I2
        said = headers | {"Content-Type": "application/json", "Idempotency-Key": odd}
        encoded = [(name.encode(), value.encode("utf-8")) for name, value in said.items()]
        answer = applicant.client.post(url, content="{}", headers=encoded)
        assert answer.status_code in (400, 422), odd
    first, quoted = decided(f'"{key}"'), decided(key)  # I3
    assert (first.status_code, quoted.status_code) == (200, 200)
    assert quoted.headers["idempotent-replayed"] == "true"
    assert decided(key, '{ "outcome":\n"offer" }').headers["idempotent-replayed"] == "true"  # I5
    assert decided(key, '{"outcome": "waitlist"}').status_code == 422  # I4
    elsewhere = applicant.staff("admissions", "offer-withdrawal", key=key, reason="prerequisite_not_shown")  # I7
    assert elsewhere.headers.get("idempotent-replayed") is None
    assert [event["kind"] for event in applicant.events()].count("offer_made") == 1


def test_i9_fifty_at_once_with_one_key_are_one(stack: Stack, applicant: Applicant) -> None:
    applicant.to_decision()
    headers = applicant.staff_headers("admissions") | {"Idempotency-Key": uuid.uuid4().hex}
    url = f"{applicant.api}/cases/{applicant.case_id}/admission-decision"

    def decide(_: int) -> int:
        with httpx.Client(trust_env=False, timeout=120) as client:
            return client.post(url, json={"outcome": "offer"}, headers=headers).status_code

    with ThreadPoolExecutor(10) as pool:
        statuses = list(pool.map(decide, range(50)))

    assert statuses == [200] * 50
    assert [event["kind"] for event in applicant.events()].count("offer_made") == 1
