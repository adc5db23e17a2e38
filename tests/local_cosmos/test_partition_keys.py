"""Partition keys and ranges by themselves: hashed as the SDK hashes them, and tiling the key space."""

from itertools import pairwise
from typing import Any

import pytest
from azure.cosmos import PartitionKey
from hypothesis import given, settings
from hypothesis import strategies as st

from local.cosmos.partition_key import effective_key, key_from_header, key_text, parse_path, physical_ranges

# Adding zero makes 0.0 of -0.0, which JSON keys never hold here: they are read as the whole number 0.
NUMBERS = st.floats(allow_nan=False, allow_infinity=False).map(lambda number: number + 0.0)
PARTS = st.text(max_size=120) | st.booleans() | NUMBERS


@settings(deadline=None)
@given(PARTS)
def test_key_is_hashed_as_the_sdk_hashes_it(part: Any) -> None:
    for version in (1, 2):
        expected = PartitionKey(path="/pk", version=version)._get_effective_partition_key_string([part])

        assert effective_key((part,), "Hash", version) == str(expected).upper()


@settings(deadline=None)
@given(st.lists(PARTS | st.none(), min_size=1, max_size=3))
def test_beginning_of_a_hierarchical_key_is_the_beginning_of_its_hash(parts: list[Any]) -> None:
    definition = PartitionKey(path=["/a", "/b", "/c"])
    whole = effective_key(tuple(parts), "MultiHash", 2)

    assert whole == str(definition._get_effective_partition_key_string(parts))
    assert whole.startswith(effective_key(tuple(parts[:1]), "MultiHash", 2))


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("count", [1, 2, 3, 5, 100])
@pytest.mark.parametrize("splits", [0, 1, 2])
def test_ranges_tile_the_key_space_and_halves_lie_within_their_parents(version: int, count: int, splits: int) -> None:
    ranges = physical_ranges(count, splits, "Hash", version)

    assert len(ranges) == count * 2**splits
    assert (ranges[0].low, ranges[-1].high) == ("", "FF")
    assert all(left.high == right.low and left.low < left.high for left, right in pairwise(ranges))
    if splits:
        parents = {part.id: part for part in physical_ranges(count, splits - 1, "Hash", version)}
        assert all(parents[part.parents[0]].low <= part.low < parents[part.parents[0]].high for part in ranges)
        assert parents.keys().isdisjoint(part.id for part in ranges)


def test_items_spread_over_all_ranges() -> None:
    for version in (1, 2):
        ranges = physical_ranges(4, 0, "Hash", version)
        keys = [effective_key((f"key-{n}",), "Hash", version) for n in range(400)]

        assert all(sum(part.low <= key < part.high for key in keys) > 50 for part in ranges)


@pytest.mark.parametrize(
    ("header", "text"),
    [
        ('["a"]', "=a"),
        ('["\\u00e9 \\""]', '=\u00e9 "'),
        ('["\\ud800"]', '["\\ud800"]'),
        ('["a","b"]', '["a","b"]'),
        ("[1.0]", "[1]"),
        ("[true]", "[true]"),
        ("[null]", "[null]"),
        ("[{}]", "[{}]"),
        ("[]", "[]"),
    ],
)
def test_key_has_one_text(header: str, text: str) -> None:
    assert key_text(key_from_header(header)) == text


def test_path_may_hold_quoted_names() -> None:
    assert parse_path("/a/\"b/c d\"/'e'") == ("a", "b/c d", "e")
