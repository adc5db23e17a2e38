"""What can be done to one item, inside a transaction. Single requests and batches share these functions."""

import uuid
from dataclasses import dataclass
from typing import Any

from local.cosmos import charges
from local.cosmos.partition_key import INCOMPLETE, MISMATCH, Key, effective_key, key_of_item, key_text
from local.cosmos.patch import SYSTEM_PROPERTIES, apply_patch
from local.cosmos.sql.parser import parse_condition
from local.cosmos.sql.run import Program
from local.cosmos.sql.values import UNDEFINED, canonical
from local.cosmos.store import Container, Item, Transaction
from local.cosmos.wire import CosmosError, dumps, loads

ID_BYTES_MAX = 1023
ITEM_BYTES_MAX = 2 * 1024 * 1024
NOT_FOUND = "Entity with the specified id does not exist in the system."
CONFLICT = "Resource with specified id or name already exists."
UNIQUE_CONFLICT = "Unique index constraint violation."
PRECONDITION = "Operation cannot be performed because one of the specified precondition is not met."
TOO_LARGE = "Request size is too large"
FORBIDDEN_IN_IDS = frozenset("/\\#?")


@dataclass
class Conditions:
    """If-Match and If-None-Match, as headers or as properties of a batch operation."""

    if_match: str | None = None
    if_none_match: str | None = None


@dataclass
class Outcome:
    """What an operation on one item came to. `item` is the new version, None after a delete."""

    status: int
    item: Item | None
    charge: float


@dataclass
class Place:
    """The logical partition an operation is addressed to."""

    container: Container
    key: Key

    def __post_init__(self) -> None:
        self.text = key_text(self.key)
        self.epk = effective_key(self.key, self.container.kind, self.container.version)


def place_of(container: Container, header_key: Key | None, item: dict[str, Any] | None) -> Place:
    """Where an operation goes: to the header's key, which must be complete and, with an item, be the item's own."""
    if item is not None and (header_key is None or (header_key == () and not container.is_system_key)):
        return Place(container, key_of_item(item, container.paths))
    if header_key is None:
        raise CosmosError(400, "PartitionKey value must be supplied for this operation.")
    if len(header_key) != len(container.paths) and not (header_key == () and container.is_system_key):
        raise CosmosError(400, INCOMPLETE, substatus=1001)
    place = Place(container, header_key)
    if item is not None:
        check_key(place, item)
    return place


def check_key(place: Place, item: dict[str, Any]) -> None:
    """Refuse an item whose own partition key is not that of the place."""
    if place.key != () and key_text(key_of_item(item, place.container.paths)) != place.text:
        raise CosmosError(400, MISMATCH, substatus=1001)


def check_id(value: Any) -> str:
    """The id, if it is one that the service takes."""
    if not isinstance(value, str):
        raise CosmosError(400, "The input content is invalid because the required properties - 'id; ' - are missing")
    if not value or len(value.encode("utf-8", "surrogatepass")) > ID_BYTES_MAX:
        raise CosmosError(400, "Ensure to provide a unique non-empty string less than '1024' characters.")
    if not FORBIDDEN_IN_IDS.isdisjoint(value) or value.endswith(" "):
        raise CosmosError(400, f"The input name '{value[:100]}' is invalid. Ensure it has none of / \\ # ?.")
    return value


def check_ttl(item: dict[str, Any]) -> int | None:
    """The item's own time to live, None without one."""
    if "ttl" not in item:
        return None
    ttl = item["ttl"]
    if isinstance(ttl, float) and ttl.is_integer():
        ttl = int(ttl)
    if isinstance(ttl, bool) or not isinstance(ttl, int) or not (ttl == -1 or 0 < ttl < 1 << 31):
        message = f"The input ttl '{ttl}' is invalid. Ensure to provide a nonzero positive integer or -1."
        raise CosmosError(400, message)
    return ttl


def expiry(container: Container, ttl: int | None, ts: int) -> int | None:
    """When a version written at `ts` ceases to be: never unless the container's own TTL is switched on."""
    if container.default_ttl is None:
        return None
    effective = container.default_ttl if ttl is None else ttl
    return None if effective == -1 else ts + effective


def _check_conditions(found: Item, conditions: Conditions) -> None:
    if conditions.if_match is not None and conditions.if_match not in ("*", found.etag):
        raise CosmosError(412, PRECONDITION)
    if conditions.if_none_match is not None and conditions.if_none_match in ("*", found.etag):
        raise CosmosError(412, PRECONDITION)


def _new_version(tx: Transaction, place: Place, n: int, body: dict[str, Any]) -> Item:
    """The row for this content, with the properties that only the service sets at its end."""
    item_id, ttl = check_id(body.get("id")), check_ttl(body)
    etag = f'"{uuid.uuid4()}"'
    ts = int(tx.now)
    rid = place.container.item_rid(n)
    content = {name: value for name, value in body.items() if name not in SYSTEM_PROPERTIES}
    content["_rid"] = rid
    content["_self"] = f"{place.container.self_link}docs/{rid}/"
    content["_etag"] = etag
    content["_attachments"] = "attachments/"
    content["_ts"] = ts
    raw = dumps(content)
    if len(raw) > ITEM_BYTES_MAX:
        raise CosmosError(413, TOO_LARGE)
    expires = expiry(place.container, ttl, ts)
    return Item(n, place.text, item_id, place.epk, tx.lsn, ts, ttl, expires, etag, raw)


def _take_unique_values(tx: Transaction, place: Place, n: int, body: dict[str, Any]) -> None:
    if not place.container.unique_keys:
        return
    values = []
    for paths in place.container.unique_keys:
        values.append(canonical([_value_at(body, path) for path in paths]))
    if not tx.take_unique_values(place.container, place.text, n, values):
        raise CosmosError(409, UNIQUE_CONFLICT)


def _value_at(body: Any, path: tuple[str, ...]) -> Any:
    """The value at a unique key's path; a missing one counts as null."""
    for name in path:
        if not isinstance(body, dict) or name not in body:
            return None
        body = body[name]
    return None if body is UNDEFINED else body


def read(tx: Transaction, place: Place, item_id: str, conditions: Conditions) -> Outcome:
    found = tx.find(place.container, place.text, item_id)
    if found is None:
        raise CosmosError(404, NOT_FOUND)
    if conditions.if_match is not None and conditions.if_match not in ("*", found.etag):
        raise CosmosError(412, PRECONDITION)
    return Outcome(200, found, charges.read(len(found.body)))


def create(tx: Transaction, place: Place, body: dict[str, Any]) -> Outcome:
    item = _new_version(tx, place, tx.next_number(place.container), body)
    if not tx.insert(place.container, item):
        raise CosmosError(409, CONFLICT)
    _take_unique_values(tx, place, item.n, body)
    return Outcome(201, item, charges.create(body, len(item.body), place.container.is_indexed))


def upsert(tx: Transaction, place: Place, body: dict[str, Any], conditions: Conditions) -> Outcome:
    """Replace the item, or create it. On a missing item If-Match is not looked at; the service does so too."""
    found = tx.find(place.container, place.text, check_id(body.get("id")))
    if found is None:
        return create(tx, place, body)
    return _replace_found(tx, place, found, body, conditions)


def replace(tx: Transaction, place: Place, item_id: str, body: dict[str, Any], conditions: Conditions) -> Outcome:
    """Put this content in the item's place. Another id in it renames the item."""
    found = tx.find(place.container, place.text, item_id)
    if found is None:
        raise CosmosError(404, NOT_FOUND)
    return _replace_found(tx, place, found, body, conditions)


def _replace_found(tx: Transaction, place: Place, found: Item, body: dict[str, Any], conditions: Conditions) -> Outcome:
    _check_conditions(found, conditions)
    new_id = check_id(body.get("id"))
    if new_id != found.id and tx.find(place.container, place.text, new_id) is not None:
        raise CosmosError(409, CONFLICT)
    item = _new_version(tx, place, found.n, body)
    _take_unique_values(tx, place, found.n, body)
    tx.update(place.container, found, item)
    return Outcome(200, item, charges.replace(body, len(item.body), place.container.is_indexed))


def delete(tx: Transaction, place: Place, item_id: str, conditions: Conditions) -> Outcome:
    found = tx.find(place.container, place.text, item_id)
    if found is None:
        raise CosmosError(404, NOT_FOUND)
    _check_conditions(found, conditions)
    tx.delete(place.container, found)
    return Outcome(204, None, charges.delete(len(found.body)))


def patch(tx: Transaction, place: Place, item_id: str, body: Any, conditions: Conditions) -> Outcome:
    """Apply a patch request's operations if its condition holds for the item."""
    if isinstance(body, list):
        body = {"operations": body}  # The short form, without a condition.
    if not isinstance(body, dict):
        raise CosmosError(400, "The patch request is invalid.")
    found = tx.find(place.container, place.text, item_id)
    if found is None:
        raise CosmosError(404, NOT_FOUND)
    _check_conditions(found, conditions)
    condition = body.get("condition")
    if condition is not None and not _holds(condition, found, tx.now):
        raise CosmosError(412, PRECONDITION, substatus=1110)
    patched = apply_patch(loads(found.body), body.get("operations"), place.container.paths)
    return _replace_found(tx, place, found, patched, Conditions())


def _holds(condition: Any, found: Item, now: float) -> bool:
    if not isinstance(condition, str):
        raise CosmosError(400, "The patch condition must be a string.")
    program = Program(parse_condition(condition), {}, now)
    return bool(program.run(lambda _: [(found.n, found.body)], None, 1).rows)


def parse_body(raw: bytes) -> Any:
    """The JSON body of a write, which may have at most 2 MB."""
    if len(raw) > ITEM_BYTES_MAX:
        raise CosmosError(413, TOO_LARGE)
    return loads(raw)


def parse_item(raw: bytes) -> dict[str, Any]:
    """The body of a write that is an item."""
    body = parse_body(raw)
    if not isinstance(body, dict):
        raise CosmosError(400, "The input content is invalid. Ensure it is a JSON object.")
    return body
