"""Whatever is sent, the endpoint answers: refused without a key, never a 500, never silent."""

import base64
import hashlib
import hmac
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.cosmos.auth import EMULATOR_KEY
from tests.local_cosmos.conftest import REPOSITORY, Server, start, stop

DATE = "Mon, 23 Nov 2026 21:45:33 GMT"
KEY = base64.b64decode(EMULATOR_KEY)


def signed(method: str, path: str) -> dict[str, str]:
    """The headers of a request to this path, signed as the SDKs do."""
    segments = [part for part in path.split("/") if part]
    is_feed = len(segments) % 2 == 1
    kind = segments[-1] if is_feed else segments[-2] if segments else ""
    link = "/".join(segments[:-1] if is_feed else segments)
    text = f"{method.lower()}\n{kind}\n{link}\n{DATE.lower()}\n\n"
    signature = base64.b64encode(hmac.new(KEY, text.encode(), hashlib.sha256).digest()).decode()
    return {"authorization": quote(f"type=master&ver=1.0&sig={signature}", safe=""), "x-ms-date": DATE}


@pytest.fixture(scope="module")
def http(server: Server) -> Any:
    yield from client_with_a_container(server)


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A client of an endpoint that gives no query more than a second."""
    running = start(tmp_path_factory.mktemp("cosmos") / "cosmos.db", "--query-seconds", "1")
    yield from client_with_a_container(running)
    stop(running)


def client_with_a_container(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=20) as client:
        client.post("/dbs", headers=signed("POST", "/dbs"), content='{"id":"d"}')
        definition = {"id": "c", "partitionKey": {"paths": ["/pk"], "kind": "Hash", "version": 2}}
        created = client.post("/dbs/d/colls", headers=signed("POST", "/dbs/d/colls"), json=definition)
        assert created.status_code == 201
        yield client


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "type%3Dmaster%26ver%3D1.0%26sig%3DAAAA", "x-ms-date": DATE},
        {"authorization": "nonsense", "x-ms-date": DATE},
        {"authorization": quote("type=master&ver=1.0&sig=\u00e9".encode()), "x-ms-date": DATE},
        {"authorization": signed("GET", "/dbs/d")["authorization"], "x-ms-date": "another"},
        {"authorization": signed("GET", "/dbs/e")["authorization"], "x-ms-date": DATE},
    ],
)
def test_request_without_the_accounts_signature_is_refused(http: Any, headers: dict[str, str]) -> None:
    assert http.get("/dbs/d", headers=headers).status_code == 401


PATHS = st.sampled_from(
    ["/", "/dbs", "/dbs/d", "/dbs/d/colls", "/dbs/d/colls/c", "/dbs/d/colls/c/docs", "/dbs/d/colls/c/docs/a",
     "/dbs/d/colls/c/pkranges", "/dbs/d/colls/c/sprocs", "/dbs/d/colls/c/conflicts/x", "/offers", "/offers/x",
     "/dbs/d/users", "/dbs/none/colls/c/docs", "/dbs/d/colls/c/docs/a/attachments", "/nowhere", "/%00/%ff/%2f"]
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.fixed_dictionaries(
    {},
    optional={
        "id": st.text(max_size=5) | JSON, "pk": JSON, "ttl": JSON, "query": st.text(max_size=30) | JSON,
        "parameters": JSON, "operations": JSON, "condition": st.text(max_size=20), "partitionKey": JSON,
        "defaultTtl": JSON, "indexingPolicy": JSON, "uniqueKeyPolicy": JSON, "operationType": st.text(max_size=6),
        "resourceBody": JSON, "content": JSON,
    },
)  # fmt: skip
BODIES = st.binary(max_size=30) | (OBJECTS | JSON | st.lists(OBJECTS, max_size=3)).map(json.dumps).map(str.encode)
# What a header may hold; the digits among it are not all ASCII.
TEXT = st.text(st.characters(min_codepoint=33, max_codepoint=255, exclude_characters="\x7f"), max_size=12)
KEYS = ['["p"]', "[]", "[{}]", "[1,2]", "{", '[{"a":1}]', "[NaN]"]
TOKENS = ["-RID:~#RT:1#TRC:9#PLD:e30=", '{"token":"x","range":{"min":"0"}}']
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "x-ms-documentdb-partitionkey": st.sampled_from(KEYS) | TEXT,
        "x-ms-documentdb-isquery": st.just("True"),
        "x-ms-documentdb-query-enablecrosspartition": st.just("True"),
        "x-ms-cosmos-is-query-plan-request": st.just("True"),
        "x-ms-cosmos-is-batch-request": st.just("True"),
        "x-ms-documentdb-is-upsert": st.just("True"),
        "x-ms-max-item-count": st.sampled_from(["-1", "0", "1", "x", "99999999999999999999", "\u00b2"]) | TEXT,
        "x-ms-continuation": st.sampled_from(TOKENS) | TEXT,
        "x-ms-documentdb-partitionkeyrangeid": TEXT | st.just("0"),
        "x-ms-start-epk": TEXT,
        "x-ms-session-token": TEXT | st.just("0:-1#99999999999999999999999"),
        "a-im": st.just("Incremental Feed"),
        "if-none-match": TEXT,
        "if-modified-since": TEXT,
        "if-match": TEXT,
        "x-ms-offer-throughput": TEXT,
        "x-ms-cosmos-offer-autopilot-settings": TEXT | (OBJECTS | JSON).map(json.dumps),
    },
)  # fmt: skip


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"]), PATHS, HEADERS, BODIES)
def test_any_signed_request_gets_an_answer_that_is_no_500(
    http: Any, method: str, path: str, headers: dict[str, str], body: bytes
) -> None:
    # The container itself stays, so that later requests have something to meet.
    if method == "DELETE" and path in ("/dbs/d", "/dbs/d/colls/c"):
        return
    sent = {name: value.encode("latin-1") for name, value in {**signed(method, path), **headers}.items()}
    answer = http.request(method, path, headers=sent, content=body)

    assert answer.status_code < 500, answer.text
    assert answer.status_code in (204, 304) or method == "HEAD" or not answer.content or answer.json() is not None


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b'{"id":"a","pk":"p","x":' + b"[" * 900 + b"]" * 900 + b"}",
        b'{"id":"a","pk":"p","x":NaN}',
        b'{"id":"a","pk":"p","x":1e999}',
        b'{"id":"a","pk":"p","x":"\\ud800"}',
        b'{"id":"\\ud800","pk":"p"}',
        b'{"id":"a","pk":"\\ud800"}',
        b'{"id":"a","pk":"p","x":' + b"9" * 5000 + b"}",
        b'\xff{"id":"a"}',
        b"x" * (5 * 1024 * 1024),
    ],
)
def test_monstrous_item_is_refused(http: Any, body: bytes) -> None:
    path = "/dbs/d/colls/c/docs"
    answer = http.post(path, headers=signed("POST", path), content=body)

    assert answer.status_code in (400, 413), answer.text[:300]


NUMBERS = ", ".join(map(str, range(300)))


@pytest.mark.parametrize(
    "query",
    [
        f"SELECT VALUE RegexMatch('{'a' * 60}!', '^(a+)+$') FROM c",
        f"SELECT VALUE COUNT(1) FROM c JOIN x IN [{NUMBERS}] JOIN y IN [{NUMBERS}] JOIN z IN [{NUMBERS}]",
        f"SELECT VALUE ARRAY(SELECT VALUE 1 FROM x IN [{NUMBERS}] JOIN y IN [{NUMBERS}] JOIN z IN [{NUMBERS}]) FROM c",
    ],
)
def test_query_without_end_is_broken_off_and_holds_nobody_up(impatient: Any, query: str) -> None:
    path = "/dbs/d/colls/c/docs"
    headers = {**signed("POST", path), "x-ms-documentdb-isquery": "True", "x-ms-documentdb-partitionkey": '["p"]'}
    assert impatient.post(path, headers={**signed("POST", path)}, json={"id": query[:30], "pk": "p"}).status_code == 201

    with ThreadPoolExecutor(1) as pool:
        endless = pool.submit(impatient.post, path, headers=headers, json={"query": query})
        other = impatient.get("/dbs/d", headers=signed("GET", "/dbs/d"))

    assert other.status_code == 200
    assert endless.result().status_code == 408


def test_absurdly_long_query_and_key_are_refused(http: Any) -> None:
    path = "/dbs/d/colls/c/docs"
    headers = {**signed("POST", path), "x-ms-documentdb-isquery": "True", "x-ms-documentdb-partitionkey": '["p"]'}
    long_query = {"query": "SELECT * FROM c WHERE " + "c.a = 1 OR " * 50_000 + "false"}

    assert http.post(path, headers=headers, json=long_query).status_code == 400
    assert http.post(path, headers=signed("POST", path), json={"id": "a", "pk": "x" * 2049}).status_code == 400
    assert http.post(path, headers=signed("POST", path), json={"id": "a", "pk": "x" * 2048}).status_code == 201


@pytest.mark.parametrize("key", ["[]", "[1,2]"])
def test_key_that_is_not_the_containers_is_refused_by_reads_and_batches(http: Any, key: str) -> None:
    path = "/dbs/d/colls/c/docs"
    batch = [{"operationType": "Create", "resourceBody": {"id": "a", "pk": "p"}}]
    headers = {"x-ms-documentdb-partitionkey": key, "x-ms-cosmos-is-batch-request": "True"}

    written = http.post(path, headers={**signed("POST", path), **headers}, json=batch)
    read = http.get(f"{path}/a", headers={**signed("GET", f"{path}/a"), "x-ms-documentdb-partitionkey": key})

    assert (written.status_code, read.status_code) == (400, 400)


def test_page_size_that_is_no_number_means_all(http: Any) -> None:
    # A digit to Python, and yet no number.
    headers = [*signed("GET", "/dbs").items(), ("x-ms-max-item-count", "\u00b2".encode("latin-1"))]

    assert http.get("/dbs", headers=headers).status_code == 200


def test_port_in_use_is_told_in_a_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "local.cosmos", "--port", port, "--data", str(tmp_path / "c.db")]
        ended = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=30, check=False)

    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.startswith(f"Port {port} cannot be used")
    assert ended.stderr.count("\n") == 1


def test_page_for_people_and_account_share_an_address(http: Any) -> None:
    page = http.get("/", headers={"accept": "text/html"})
    account = http.get("/", headers={**signed("GET", "/"), "accept": "application/json"})

    assert page.headers["content-type"].startswith("text/html")
    assert "Local Cosmos DB" in page.text
    assert account.json()["writableLocations"][0]["databaseAccountEndpoint"] == str(http.base_url)
