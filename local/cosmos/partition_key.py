"""Partition keys: read from headers and items, hashed to effective keys, and split into physical ranges."""

import itertools
import json
import re
import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from local.cosmos.wire import CosmosError

MASK_32 = 0xFFFFFFFF
MASK_64 = 0xFFFFFFFFFFFFFFFF
# Only the first bytes of a string take part in V1 keys.
V1_STRING_MAX = 100
KEY_BYTES_MAX = 2048
# What the text of a single string begins with; it sorts before those of all other keys, which are JSON lists.
STRING_MARK = "="
HALF_PAIR = re.compile("[\ud800-\udfff]")

MISMATCH = (
    "PartitionKey extracted from document doesn't match the one specified in the header. "
    "Learn more: https://aka.ms/CosmosDB/sql/errors/wrong-pk-value"
)
INCOMPLETE = (
    "Partition key provided either doesn't correspond to definition in the collection or doesn't match partition key"
    " field values specified in the document."
)


class _Undefined:
    """The key of an item that has nothing at the partition key's path; on the wire it is {}."""

    def __repr__(self) -> str:
        return "undefined"


UNDEFINED_KEY = _Undefined()
Key = tuple[Any, ...]


@dataclass(frozen=True)
class Range:
    """A physical partition: the effective keys from `low` up to, not including, `high`."""

    id: str
    low: str
    high: str
    parents: tuple[str, ...] = ()


def parse_path(path: str) -> tuple[str, ...]:
    """The property names of `/a/"b c"/d`."""
    names, rest = [], path
    while rest:
        if not rest.startswith("/"):
            raise ValueError(path)
        if rest[1:2] in ("'", '"'):
            end = rest.find(rest[1], 2)
            if end < 0:
                raise ValueError(path)
            names.append(rest[2:end])
            rest = rest[end + 1 :]
        else:
            name, slash, tail = rest[1:].partition("/")
            names.append(name)
            rest = slash + tail
    if not names or not all(names):
        raise ValueError(path)
    return tuple(names)


def _component(value: Any) -> Any:
    if value == {} and isinstance(value, dict):
        return UNDEFINED_KEY
    if isinstance(value, float) and value.is_integer():
        return int(value)  # 1 and 1.0 are one key
    if isinstance(value, str) and len(value.encode("utf-8", "surrogatepass")) > KEY_BYTES_MAX:
        raise CosmosError(400, f"A partition key value may have at most {KEY_BYTES_MAX} bytes.")
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    raise CosmosError(400, f"Partition key {json.dumps(value)[:100]} is invalid.")


@lru_cache(maxsize=4096)
def key_from_header(header: str) -> Key:
    """The key in an `x-ms-documentdb-partitionkey` header; `()` for the empty list of migrated containers."""
    try:
        values = json.loads(header)
    except (ValueError, RecursionError):
        raise CosmosError(400, f"Partition key {header[:100]} is invalid.") from None
    if not isinstance(values, list):
        raise CosmosError(400, f"Partition key {header[:100]} is invalid.")
    return tuple(_component(value) for value in values)


def key_of_item(item: dict[str, Any], paths: list[tuple[str, ...]]) -> Key:
    """The key that stands in the item itself. An object or array there counts as nothing."""
    key = []
    for path in paths:
        value: Any = item
        for name in path:
            if not isinstance(value, dict) or name not in value:
                value = UNDEFINED_KEY
                break
            value = value[name]
        key.append(UNDEFINED_KEY if value is UNDEFINED_KEY or isinstance(value, (dict, list)) else _component(value))
    return tuple(key)


def key_text(key: Key) -> str:
    """One canonical text per key, under which items are stored and found.

    The texts of single strings sort as the strings do. Half a surrogate pair may be asked for, but is never stored.
    """
    return _key_text(_typed(key))


# The types are part of the caches' keys, because True and 1 are equal to Python.
def _typed(key: Key) -> tuple[tuple[type, Any], ...]:
    return tuple([(type(part), part) for part in key])


@lru_cache(maxsize=8192)
def _key_text(typed: tuple[tuple[type, Any], ...]) -> str:
    if len(typed) == 1 and typed[0][0] is str and not HALF_PAIR.search(typed[0][1]):
        return STRING_MARK + str(typed[0][1])
    return json.dumps([{} if part is UNDEFINED_KEY else part for _, part in typed], separators=(",", ":"))


def _bytes_of(part: Any, string_end: bytes) -> bytes:
    if part is UNDEFINED_KEY:
        return b"\x00"
    if part is None:
        return b"\x01"
    if isinstance(part, bool):
        return b"\x03" if part else b"\x02"
    if isinstance(part, str):
        return b"\x08" + part.encode("utf-8", "surrogatepass") + string_end
    return b"\x05" + struct.pack("<d", _as_double(part))


def _as_double(number: float) -> float:
    try:
        return float(number)
    except OverflowError:
        return float("inf") if number > 0 else float("-inf")


def effective_key(key: Key, kind: str, version: int) -> str:
    """The effective partition key in hex. A shorter hierarchical key gives the prefix all its items share."""
    return _effective_key(_typed(key), kind, version)


@lru_cache(maxsize=8192)
def _effective_key(typed: tuple[tuple[type, Any], ...], kind: str, version: int) -> str:
    key = tuple(part for _, part in typed)
    if not key:
        return ""
    if kind == "MultiHash":
        return "".join(_hash_v2(_bytes_of(part, b"\xff")) for part in key)
    if version >= 2:
        return _hash_v2(b"".join(_bytes_of(part, b"\xff") for part in key))
    return _effective_key_v1(key)


def _hash_v2(data: bytes) -> str:
    # The two highest bits are cleared so that every key sorts below "FF".
    return f"{murmur3_128(data) & ((1 << 126) - 1):032X}"


def _effective_key_v1(key: Key) -> str:
    truncated = [part[:V1_STRING_MAX] if isinstance(part, str) else part for part in key]
    hashed = murmur3_32(b"".join(_bytes_of(part, b"\x00") for part in truncated))
    return b"".join(_sortable_v1(part) for part in [float(hashed), *truncated]).hex().upper()


def _sortable_v1(part: Any) -> bytes:
    if isinstance(part, str):
        data = part.encode("utf-8", "surrogatepass")
        short = len(data) <= V1_STRING_MAX
        shifted = bytes((byte + 1) & 0xFF for byte in data[: V1_STRING_MAX + 1])
        return b"\x08" + shifted + (b"\x00" if short else b"")
    if part is UNDEFINED_KEY or part is None or isinstance(part, bool):
        return _bytes_of(part, b"")
    bits = struct.unpack("<Q", struct.pack("<d", _as_double(part)))[0]
    bits = bits ^ (1 << 63) if bits < (1 << 63) else (~bits + 1) & MASK_64
    out = bytearray([5, bits >> 56])
    bits = (bits << 8) & MASK_64
    pending = None
    # Seven bits to a byte, the lowest bit says whether another follows.
    while bits:
        if pending is not None:
            out.append(pending)
        pending = (bits >> 56) | 1
        bits = (bits << 7) & MASK_64
    out.append((pending or 0) & 0xFE)
    return bytes(out)


def _rotate(value: int, by: int, width: int) -> int:
    return ((value << by) | (value >> (width - by))) & ((1 << width) - 1)


def _mix_64(value: int) -> int:
    value = ((value ^ (value >> 33)) * 0xFF51AFD7ED558CCD) & MASK_64
    value = ((value ^ (value >> 33)) * 0xC4CEB9FE1A85EC53) & MASK_64
    return value ^ (value >> 33)


def murmur3_128(data: bytes) -> int:
    """MurmurHash3 x64 128 with seed 0, the second half in the high bits, as Cosmos DB orders its bytes."""
    c1, c2 = 0x87C37B91114253D5, 0x4CF5AD432745937F
    h1 = h2 = 0
    whole = len(data) - len(data) % 16
    for start in range(0, whole, 16):
        k1, k2 = struct.unpack_from("<QQ", data, start)
        h1 ^= (_rotate((k1 * c1) & MASK_64, 31, 64) * c2) & MASK_64
        h1 = ((_rotate(h1, 27, 64) + h2) * 5 + 0x52DCE729) & MASK_64
        h2 ^= (_rotate((k2 * c2) & MASK_64, 33, 64) * c1) & MASK_64
        h2 = ((_rotate(h2, 31, 64) + h1) * 5 + 0x38495AB5) & MASK_64
    tail = data[whole:]
    k1 = int.from_bytes(tail[:8], "little")
    k2 = int.from_bytes(tail[8:], "little")
    h2 ^= (_rotate((k2 * c2) & MASK_64, 33, 64) * c1) & MASK_64
    h1 ^= (_rotate((k1 * c1) & MASK_64, 31, 64) * c2) & MASK_64
    h1 ^= len(data)
    h2 ^= len(data)
    h1 = (h1 + h2) & MASK_64
    h2 = (h2 + h1) & MASK_64
    h1, h2 = _mix_64(h1), _mix_64(h2)
    h1 = (h1 + h2) & MASK_64
    h2 = (h2 + h1) & MASK_64
    return (h2 << 64) | h1


def murmur3_32(data: bytes) -> int:
    """MurmurHash3 x86 32 with seed 0."""
    c1, c2 = 0xCC9E2D51, 0x1B873593
    h = 0
    whole = len(data) - len(data) % 4
    for (k,) in struct.iter_unpack("<I", data[:whole]):
        h ^= (_rotate((k * c1) & MASK_32, 15, 32) * c2) & MASK_32
        h = (_rotate(h, 13, 32) * 5 + 0xE6546B64) & MASK_32
    k = int.from_bytes(data[whole:], "little")
    h ^= (_rotate((k * c1) & MASK_32, 15, 32) * c2) & MASK_32
    h ^= len(data)
    h = ((h ^ (h >> 16)) * 0x85EBCA6B) & MASK_32
    h = ((h ^ (h >> 13)) * 0xC2B2AE35) & MASK_32
    return h ^ (h >> 16)


def physical_ranges(first_count: int, splits: int, kind: str, version: int) -> list[Range]:
    """Ranges that tile the whole key space without gap or overlap: `first_count` of them, each halved `splits` times.

    Numbers are never used again after a split, so that a client with an old map is found out.
    """
    is_hashed_wide = kind == "MultiHash" or version >= 2
    space = 1 << (126 if is_hashed_wide else 32)
    edges = [index * (space // first_count) for index in range(first_count)] + [space]
    ranges: list[Range] = []
    first_number = 0
    for _ in range(splits + 1):
        texts = ["", *(_edge_text(edge, is_hashed_wide) for edge in edges[1:-1]), "FF"]
        count = len(edges) - 1
        before, ranges = ranges, []
        for index in range(count):
            parents = (before[index // 2].id,) if before else ()
            ranges.append(Range(str(first_number + index), texts[index], texts[index + 1], parents))
        first_number += count
        halves = [(low + high) // 2 for low, high in itertools.pairwise(edges)]
        edges = sorted(edges + halves)
    return ranges


def _edge_text(edge: int, is_hashed_wide: bool) -> str:
    # V1 keys begin with the hash as a sortable number.
    return f"{edge:032X}" if is_hashed_wide else _sortable_v1(float(edge)).hex().upper()
