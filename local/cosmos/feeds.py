"""The change feed and the map of partition key ranges."""

from email.utils import parsedate_to_datetime
from itertools import islice

from local.cosmos import charges
from local.cosmos.clock import Clock
from local.cosmos.partition_key import Range, effective_key, key_from_header, key_text
from local.cosmos.store import Container, Item, Store, Where
from local.cosmos.wire import Answer, CosmosError, Request, dumps

PAGE_SIZE_MAX = 1000
PAGE_BYTES_MAX = 4 * 1024 * 1024
# One lsn can have a batch of this many items, which a page never divides.
BATCH_MAX = 128


def ranges(request: Request, container: Container) -> Answer:
    """All ranges, or 304 to a client that has them: SDKs ask until they are told so."""
    etag = f'"{container.rid}-{container.ranges[-1].id}"'
    headers = {"etag": etag, "x-ms-item-count": str(len(container.ranges))}
    if request.header("if-none-match") == etag:
        return Answer(304, b"", {"etag": etag})
    body = {
        "_rid": container.rid,
        "PartitionKeyRanges": [_range_body(container, part, etag) for part in container.ranges],
        "_count": len(container.ranges),
    }
    return Answer(200, dumps(body), headers)


def _range_body(container: Container, part: Range, etag: str) -> dict[str, object]:
    rid = container.item_rid(int(part.id) + 1)
    return {
        "_rid": rid,
        "id": part.id,
        "_etag": etag,
        "minInclusive": part.low,
        "maxExclusive": part.high,
        "ridPrefix": int(part.id),
        "_self": f"{container.self_link}pkranges/{rid}/",
        "throughputFraction": 1 / len(container.ranges),
        "status": "online",
        "parents": list(part.parents),
        "_ts": container.body["_ts"],
        "lsn": 1,
    }


def change_feed(request: Request, container: Container, store: Store, clock: Clock) -> Answer:
    """The newest versions of the items changed since the cursor, oldest change first; 304 when there are none."""
    if "full-fidelity" in (request.header("a-im") or "").lower():
        raise CosmosError(400, "The change feed of all versions and deletes is not offered by this endpoint.")
    where, part = _scope(request, container)
    after = _cursor(request, store)
    since = _since(request)
    size = _page_size(request)
    if after is None:
        return _nothing_new(part, store.lsn)
    found = list(islice(store.changes(container, where, clock.now(), after, since), size + BATCH_MAX))
    page = _whole_batches(found, size)
    if not page:
        return _nothing_new(part, max(store.lsn, after))
    is_all = len(page) == len(found) < size + BATCH_MAX
    lsn = store.lsn if is_all else page[-1].lsn
    rows = b",".join(item.body[:-1] + b',"_lsn":%d}' % item.lsn for item in page)
    body = b'{"_rid":"%s","Documents":[%s],"_count":%d}' % (container.rid.encode(), rows, len(page))
    headers = {
        "etag": f'"{lsn}"',
        "x-ms-documentdb-partitionkeyrangeid": part.id,
        "x-ms-item-count": str(len(page)),
    }
    return Answer(200, body, headers, charge=charges.query(1, len(page), len(rows)))


def _nothing_new(part: Range, lsn: int) -> Answer:
    return Answer(304, b"", {"etag": f'"{lsn}"', "x-ms-documentdb-partitionkeyrangeid": part.id})


def _scope(request: Request, container: Container) -> tuple[Where, Range]:
    key_header = request.header("x-ms-documentdb-partitionkey")
    if key_header is not None:
        key = key_from_header(key_header)
        epk = effective_key(key, container.kind, container.version)
        where = Where(low=epk, high=epk + "FF") if len(key) < len(container.paths) else Where(key_text(key), epk)
        return where, container.range_of(epk)
    range_id = request.header("x-ms-documentdb-partitionkeyrangeid")
    if range_id is None:
        # Clients of one-partition containers may leave it out.
        return Where(), container.ranges[0]
    part = next((part for part in container.ranges if part.id == range_id.rpartition(",")[2]), None)
    if part is None:
        raise CosmosError(410, "The requested resource is no longer available at the server.", substatus=1002)
    low = max(request.header("x-ms-start-epk") or "", part.low)
    high = min(request.header("x-ms-end-epk") or "FF", part.high)
    return Where(low=low, high=high if high != low else low + "00"), part


def _cursor(request: Request, store: Store) -> int | None:
    """The lsn of the last change the client has seen; None for a client that wants to begin now."""
    given = request.header("if-none-match")
    if given is None:
        return 0
    if given.strip() == "*":
        # From a point in time on, "now" is not meant.
        return 0 if request.header("if-modified-since") else None
    text = given.strip().strip('"')
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise CosmosError(400, "The change feed's continuation is invalid.")
    return int(text)


def _since(request: Request) -> float:
    given = request.header("if-modified-since")
    if given is None:
        return 0
    try:
        return parsedate_to_datetime(given).timestamp()
    except (ValueError, TypeError, OverflowError):
        raise CosmosError(400, "The If-Modified-Since header is invalid.") from None


def _page_size(request: Request) -> int:
    given = request.header("x-ms-max-item-count") or "-1"
    try:
        size = int(given)
    except ValueError:
        raise CosmosError(400, f"The page size '{given[:20]}' is invalid.") from None
    return size if 0 < size < PAGE_SIZE_MAX else PAGE_SIZE_MAX


def _whole_batches(found: list[Item], size: int) -> list[Item]:
    """The first items, about `size` of them, without dividing the items of one lsn; at most 4 MB."""
    total = 0
    for index, item in enumerate(found):
        total += len(item.body)
        if index and item.lsn != found[index - 1].lsn and (index >= size or total > PAGE_BYTES_MAX):
            return found[:index]
    return found
