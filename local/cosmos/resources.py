"""Account, databases, containers and offers: what holds the items."""

import json
import re
import uuid
from typing import Any

from local.cosmos.clock import Clock
from local.cosmos.partition_key import parse_path
from local.cosmos.sql.parser import parse
from local.cosmos.sql.run import Program
from local.cosmos.store import Container, Database, Store, rid_bytes, rid_text
from local.cosmos.wire import Answer, CosmosError, Request, dumps

NAME_MAX = 255
THROUGHPUT_MIN = 400
AUTOSCALE_MIN = 1000
# A physical partition of the service serves at most this many request units a second.
THROUGHPUT_PER_RANGE = 10_000
KEY_PATHS_MAX = 3
QUERY_BYTES_MAX = 512 * 1024
LINKS = ("_docs", "_sprocs", "_triggers", "_udfs", "_conflicts")
OWNER_NOT_FOUND = "Owner resource does not exist"
NOT_FOUND = "Resource Not Found. Learn more: https://aka.ms/cosmosdb-tsg-not-found"


def account(host: str) -> Answer:
    """The account, at the address it was asked under: SDKs send all further requests to the address given here.

    Only that `localhost` becomes 127.0.0.1, as in Microsoft's emulator: the name may first be tried as ::1, where
    nobody listens.
    """
    name, colon, port = host.partition(":")
    host = ("127.0.0.1" if name == "localhost" else name) + colon + port
    location = [{"name": "South Central US", "databaseAccountEndpoint": f"http://{host}/"}]
    body = {
        "id": "local",
        "_rid": "local",
        "_self": "",
        "_dbs": "//dbs/",
        "media": "//media/",
        "addresses": "//addresses/",
        "writableLocations": location,
        "readableLocations": location,
        "enableMultipleWriteLocations": False,
        "userReplicationPolicy": {"asyncReplication": False, "minReplicaSetSize": 1, "maxReplicasetSize": 4},
        "userConsistencyPolicy": {"defaultConsistencyLevel": "Session"},
        "systemReplicationPolicy": {"minReplicaSetSize": 1, "maxReplicasetSize": 4},
        "readPolicy": {"primaryReadCoefficient": 1, "secondaryReadCoefficient": 1},
        "queryEngineConfiguration": "{}",
    }
    return Answer(200, dumps(body))


def find_database(store: Store, name: str) -> Database | None:
    """By id, or else by rid."""
    found = store.databases.get(name)
    return found or next((database for database in store.databases.values() if database.rid == name), None)


def find_container(store: Store, database_name: str, name: str) -> Container:
    """By ids or rids. Raises 404/1003, as for everything inside a container that is not there."""
    database = find_database(store, database_name)
    if database is not None:
        found = database.containers.get(name)
        found = found or next((one for one in database.containers.values() if one.rid == name), None)
        if found is not None:
            return found
    raise CosmosError(404, OWNER_NOT_FOUND, substatus=1003)


def _checked_name(body: Any) -> str:
    name = body.get("id") if isinstance(body, dict) else None
    if not isinstance(name, str) or not name.strip() or len(name) > NAME_MAX:
        raise CosmosError(400, "Ensure to provide a unique non-empty string less than '255' characters.")
    if re.search(r"[/\\#?]", name) or name.endswith(" "):
        raise CosmosError(400, f"The input name '{name[:100]}' is invalid. Ensure it has none of / \\ # ?.")
    return name


def _check_match(request: Request, etag: str) -> None:
    expected = request.header("if-match")
    if expected is not None and expected not in ("*", etag):
        raise CosmosError(412, "Operation cannot be performed because one of the specified precondition is not met.")


def _stamped(body: dict[str, Any], clock: Clock) -> dict[str, Any]:
    return {**body, "_etag": f'"{uuid.uuid4()}"', "_ts": int(clock.now())}


def _answer(status: int, body: dict[str, Any], link: str) -> Answer:
    return Answer(status, dumps(body), {"etag": body["_etag"], "x-ms-alt-content-path": link})


def _feed(request: Request, rid: str, name: str, bodies: list[dict[str, Any]], clock: Clock) -> Answer:
    """All of them, or those that the query in the request selects."""
    rows = [dumps(body) for body in bodies]
    if request.method == "POST":
        rows = _queried(request, rows, clock)
    start = _whole_number(request.header("x-ms-continuation"))
    count = _whole_number(request.header("x-ms-max-item-count")) or len(rows)
    page = rows[start : start + count]
    headers = {"x-ms-item-count": str(len(page))}
    if start + count < len(rows):
        headers["x-ms-continuation"] = str(start + count)
    text = b",".join(page)
    body = b'{"_rid":"%s","%s":[%s],"_count":%d}' % (rid.encode(), name.encode(), text, len(page))
    return Answer(200, body, headers)


def _whole_number(text: str | None) -> int:
    """What the text says if it is a whole number of up to nine digits, else 0."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else 0


def _queried(request: Request, rows: list[bytes], clock: Clock) -> list[bytes]:
    body = request.json()
    text, parameters = query_of(body)
    program = Program(parse(text), parameters, clock.now())
    return program.run(lambda after: [(n, row) for n, row in enumerate(rows, 1) if n > after], None, 10_000).rows


def query_of(body: Any) -> tuple[str, dict[str, Any]]:
    """Text and parameters of a query request's body."""
    if isinstance(body, str):
        body = {"query": body}
    if not isinstance(body, dict) or not isinstance(body.get("query"), str):
        raise CosmosError(400, "The query payload is invalid. Ensure it is a JSON object with a 'query'.")
    if len(body["query"].encode("utf-8", "surrogatepass")) > QUERY_BYTES_MAX:
        raise CosmosError(400, "The query is longer than 512 KB.")
    parameters: dict[str, Any] = {}
    given = body.get("parameters") or []
    for parameter in given if isinstance(given, list) else [None]:
        if not isinstance(parameter, dict) or not isinstance(parameter.get("name"), str) or "value" not in parameter:
            raise CosmosError(400, "A query parameter needs a 'name' and a 'value'.")
        parameters[parameter["name"]] = parameter["value"]
    return body["query"], parameters


class Resources:
    """The requests on databases, containers and offers."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self.clock = clock

    # -- databases ---------------------------------------------------------------------------------------------

    def databases(self, request: Request) -> Answer:
        if request.method == "GET" or request.is_set("x-ms-documentdb-isquery"):
            bodies = [database.body for database in self.store.databases.values()]
            return _feed(request, "", "Databases", bodies, self.clock)
        name = _checked_name(request.json())
        if name in self.store.databases:
            raise CosmosError(409, "Resource with specified id or name already exists.")
        throughput = _throughput(request)
        rid = self.store.new_rid()
        body = {"id": name, "_rid": rid, "_self": f"dbs/{rid}/", "_colls": "colls/", "_users": "users/"}
        database = Database(rid, _stamped(body, self.clock))
        self.store.save_database(database)
        if throughput is not None:
            self._add_offer(f"dbs/{rid}/", rid, throughput)
        return _answer(201, database.body, f"dbs/{name}")

    def database(self, request: Request, name: str) -> Answer:
        database = find_database(self.store, name)
        if database is None:
            raise CosmosError(404, NOT_FOUND)
        if request.method == "DELETE":
            _check_match(request, database.body["_etag"])
            self.store.drop_database(database)
            return Answer(204)
        return _answer(200, database.body, f"dbs/{database.id}")

    # -- containers --------------------------------------------------------------------------------------------

    def containers(self, request: Request, name: str) -> Answer:
        database = find_database(self.store, name)
        if database is None:
            raise CosmosError(404, OWNER_NOT_FOUND, substatus=1003)
        if request.method == "GET" or request.is_set("x-ms-documentdb-isquery"):
            bodies = [container.body for container in database.containers.values()]
            return _feed(request, database.rid, "DocumentCollections", bodies, self.clock)
        definition = request.json()
        container_name = _checked_name(definition)
        throughput = _throughput(request)
        rid = self.store.new_rid(rid_bytes(database.rid))
        body = _container_body(definition, rid, database)
        if container_name in database.containers:
            raise CosmosError(409, "Resource with specified id or name already exists.")
        ranges = self.store.default_ranges
        if throughput is not None:
            ranges = max(ranges, -(-_provisioned(throughput) // THROUGHPUT_PER_RANGE))
        container = self.store.add_container(database, rid, ranges, _stamped(body, self.clock))
        if throughput is None and not any(o["resource"] == f"dbs/{database.rid}/" for o in self.store.offers()):
            throughput = {"offerThroughput": THROUGHPUT_MIN}
        if throughput is not None:
            self._add_offer(container.self_link, rid, throughput)
        return _answer(201, container.body, container.link)

    def container(self, request: Request, database_name: str, name: str) -> Answer:
        try:
            container = find_container(self.store, database_name, name)
        except CosmosError as error:
            missing = find_database(self.store, database_name) is None
            message = OWNER_NOT_FOUND if missing else NOT_FOUND
            raise CosmosError(404, message, error.substatus if missing else None) from None
        if request.method == "DELETE":
            _check_match(request, container.body["_etag"])
            self.store.drop_container(container)
            return Answer(204)
        if request.method == "PUT":
            _check_match(request, container.body["_etag"])
            container = self._replaced(request, container)
        body = container.body
        if request.is_set("x-ms-documentdb-populatepartitionstatistics"):
            body = {**body, "statistics": [{"id": part.id, "partitionKeys": []} for part in container.ranges]}
        answer = _answer(200, body, container.link)
        answer.headers["x-ms-documentdb-collection-index-transformation-progress"] = "100"
        answer.headers["x-ms-resource-quota"] = "documentSize=10240;documentsSize=10485760;documentsCount=-1;"
        answer.headers["x-ms-resource-usage"] = "documentSize=0;documentsSize=0;documentsCount=0;"
        return answer

    def _replaced(self, request: Request, container: Container) -> Container:
        definition = request.json()
        if not isinstance(definition, dict) or definition.get("id") != container.id:
            raise CosmosError(400, "The id of a container cannot be changed.")
        body = _container_body(definition, container.rid, container.database)
        if body["partitionKey"]["paths"] != container.body["partitionKey"]["paths"]:
            raise CosmosError(400, "Document collection partition key cannot be changed.")
        body["partitionKey"] = container.body["partitionKey"]
        if "uniqueKeyPolicy" in definition and body.get("uniqueKeyPolicy") != container.body.get("uniqueKeyPolicy"):
            raise CosmosError(400, "The unique key policy of a container cannot be changed.")
        if "uniqueKeyPolicy" in container.body:
            body["uniqueKeyPolicy"] = container.body["uniqueKeyPolicy"]
        return self.store.replace_container(container, _stamped(body, self.clock))

    # -- offers ------------------------------------------------------------------------------------------------

    def _add_offer(self, resource: str, resource_rid: str, content: dict[str, Any]) -> None:
        rid = rid_text(uuid.uuid4().bytes[:3])
        content = {**content, "offerIsRUPerMinuteThroughputEnabled": False}
        body = {
            "resource": resource,
            "offerType": "Invalid",
            "offerResourceId": resource_rid,
            "offerVersion": "V2",
            "content": content,
            "id": rid,
            "_rid": rid,
            "_self": f"offers/{rid}/",
        }
        self.store.save_offer(_stamped(body, self.clock))

    def offers(self, request: Request) -> Answer:
        return _feed(request, "", "Offers", self.store.offers(), self.clock)

    def offer(self, request: Request, name: str) -> Answer:
        found = next((offer for offer in self.store.offers() if offer["_rid"] == name), None)
        if found is None:
            raise CosmosError(404, NOT_FOUND)
        if request.method == "PUT":
            body = request.json()
            content = body.get("content") if isinstance(body, dict) else None
            if not isinstance(content, dict):
                raise CosmosError(400, "The offer is invalid.")
            _check_throughput(content)
            found = _stamped({**found, "content": _settled(content)}, self.clock)
            self.store.save_offer(found)
            self._split(found)
        return Answer(200, dumps(found), {"etag": found["_etag"]})

    def _split(self, offer: dict[str, Any]) -> None:
        """Split the offer's container if its throughput is now more than its partitions can serve."""
        wanted = -(-_provisioned(offer["content"]) // THROUGHPUT_PER_RANGE)
        for database in self.store.databases.values():
            for container in list(database.containers.values()):
                while container.self_link == offer["resource"] and wanted > len(container.ranges):
                    container = self.store.split_container(container)


def _throughput(request: Request) -> dict[str, Any] | None:
    """What the request asks for in its headers, as the content of an offer."""
    fixed, scaled = request.header("x-ms-offer-throughput"), request.header("x-ms-cosmos-offer-autopilot-settings")
    if fixed is None and scaled is None:
        return None
    if fixed is not None and scaled is not None:
        raise CosmosError(400, "Only one of offerThroughput and offerAutopilotSettings may be given.")
    try:
        content = {"offerThroughput": int(fixed)} if fixed else {"offerAutopilotSettings": json.loads(scaled or "")}
    except ValueError:
        raise CosmosError(400, "The requested throughput is not a number.") from None
    _check_throughput(content)
    return _settled(content)


def _settled(content: dict[str, Any]) -> dict[str, Any]:
    scaled = content.get("offerAutopilotSettings")
    if scaled and "maxThroughput" in scaled:
        # An autoscaled offer starts at a tenth of its maximum.
        return {**content, "offerThroughput": max(scaled["maxThroughput"] // 10, THROUGHPUT_MIN)}
    return content


def _provisioned(content: dict[str, Any]) -> int:
    scaled = content.get("offerAutopilotSettings") or {}
    return int(scaled.get("maxThroughput") or content.get("offerThroughput") or 0)


def _check_throughput(content: dict[str, Any]) -> None:
    scaled = content.get("offerAutopilotSettings")
    least = AUTOSCALE_MIN if scaled else THROUGHPUT_MIN
    asked = (scaled.get("maxThroughput") if isinstance(scaled, dict) else None) or content.get("offerThroughput")
    if isinstance(scaled, dict) and scaled.get("maxThroughput") is not None:
        asked = scaled["maxThroughput"]
    if not isinstance(asked, int) or isinstance(asked, bool) or asked < least:
        message = f"Requested throughput {asked} is less than required minimum throughput {AUTOSCALE_MIN}"
        raise CosmosError(400, message)
    if asked > 1_000_000 or asked % 100:
        raise CosmosError(400, "The throughput must be between 400 and 1000000, in steps of 100.")


# -- the definition of a container --------------------------------------------------------------------------------


def _container_body(definition: dict[str, Any], rid: str, database: Database) -> dict[str, Any]:
    """The definition as the service completes it, or a 400 that says what is wrong with it."""
    body = {name: value for name, value in definition.items() if not name.startswith("_") and value is not None}
    body["indexingPolicy"] = _indexing_policy(definition.get("indexingPolicy"))
    body["partitionKey"] = _partition_key(definition.get("partitionKey"))
    _check_default_ttl(definition.get("defaultTtl"))
    body.setdefault(
        "conflictResolutionPolicy",
        {"mode": "LastWriterWins", "conflictResolutionPath": "/_ts", "conflictResolutionProcedure": ""},
    )
    body.setdefault("geospatialConfig", {"type": "Geography"})
    _check_unique_keys(body.get("uniqueKeyPolicy"))
    body["_rid"] = rid
    body["_self"] = f"dbs/{database.rid}/colls/{rid}/"
    body.update({link: link[1:] + "/" for link in LINKS})
    return body


def _partition_key(definition: Any) -> dict[str, Any]:
    if definition is None:
        # A container of the time before partition keys: its items are all in one partition.
        return {"paths": ["/_partitionKey"], "kind": "Hash", "systemKey": True}
    if not isinstance(definition, dict) or not isinstance(definition.get("paths"), list):
        raise CosmosError(400, "The partition key definition is invalid.")
    paths, kind = definition["paths"], definition.get("kind", "Hash")
    if kind not in ("Hash", "MultiHash") or definition.get("version", 1) not in (1, 2):
        raise CosmosError(400, "The partition key definition is invalid: unknown kind or version.")
    if not 1 <= len(paths) <= (KEY_PATHS_MAX if kind == "MultiHash" else 1):
        raise CosmosError(400, f"Too many partition key paths, or none: {len(paths)}.")
    for path in paths:
        _check_path(path, "partition key")
    return {**definition, "kind": kind}


def _check_path(path: Any, what: str) -> None:
    try:
        parse_path(path if isinstance(path, str) else "")
    except ValueError:
        raise CosmosError(400, f"The {what} path '{path}' is invalid.") from None


def _check_default_ttl(ttl: Any) -> None:
    is_whole = isinstance(ttl, int) and not isinstance(ttl, bool)
    if ttl is not None and not (is_whole and (ttl == -1 or 0 < ttl < 1 << 31)):
        message = f"The defaultTtl '{ttl}' is invalid. Ensure to provide a nonzero positive integer or -1."
        raise CosmosError(400, message)


def _check_unique_keys(policy: Any) -> None:
    if policy is None:
        return
    keys = policy.get("uniqueKeys") if isinstance(policy, dict) else None
    if not isinstance(keys, list):
        raise CosmosError(400, "The unique key policy is invalid.")
    for key in keys:
        if not isinstance(key, dict) or not isinstance(key.get("paths"), list) or not key["paths"]:
            raise CosmosError(400, "The unique key policy is invalid.")
        for path in key["paths"]:
            _check_path(path, "unique key")


def _indexing_policy(policy: Any) -> dict[str, Any]:
    if policy is not None and not isinstance(policy, dict):
        raise CosmosError(400, "The indexing policy is invalid.")
    given = dict(policy or {})
    mode = str(given.get("indexingMode", "consistent")).lower()
    if mode not in ("consistent", "none", "lazy"):
        raise CosmosError(400, f"The indexing mode '{mode}' is invalid.")
    filled = {**given, "indexingMode": mode, "automatic": given.get("automatic", mode != "none")}
    if mode == "none":
        return filled
    included = [_plain_path(path) for path in _list_of(given, "includedPaths")]
    excluded = [_plain_path(path) for path in _list_of(given, "excludedPaths")]
    # A policy that excludes everything means it; one that says nothing includes everything.
    excludes_all = any(path["path"] == "/*" for path in excluded)
    filled["includedPaths"] = included or ([] if excludes_all else [{"path": "/*"}])
    if not any(path["path"] == '/"_etag"/?' for path in excluded):
        excluded.append({"path": '/"_etag"/?'})
    filled["excludedPaths"] = excluded
    for composite in _list_of(given, "compositeIndexes"):
        if not isinstance(composite, list) or not all(isinstance(p, dict) and "path" in p for p in composite):
            raise CosmosError(400, "The composite indexes are invalid.")
    return filled


def _list_of(policy: dict[str, Any], name: str) -> list[Any]:
    value = policy.get(name) or []
    if not isinstance(value, list):
        raise CosmosError(400, f"The indexing policy's {name} are invalid.")
    return value


def _plain_path(path: Any) -> dict[str, Any]:
    if not isinstance(path, dict) or not isinstance(path.get("path"), str):
        raise CosmosError(400, "A path of the indexing policy is invalid.")
    # Index kinds and precisions are of the past; the service takes them and drops them.
    return {name: value for name, value in path.items() if name != "indexes"}
