"""Draw a month's sample again, without the service: whoever has the list and the seed draws the same decisions.

    python tools/draw_sample.py sample.json

`sample.json` is what GET audit-samples/{month} answers. Checks the seed against the hash that was published before
the draw, draws, and compares. Exits with 1 if anything differs. Needs nothing but Python.

Of each stratum (verdict, large or not) the given per cent is drawn, rounded up, and at least `least`: the decisions
whose SHA-256 of `seed|case_id|sequence` is smallest.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any


def drawn(sample: dict[str, Any]) -> list[tuple[str, int]]:
    """The decisions that the seed draws from the list: case and sequence of each."""
    strata: dict[tuple[str, bool], list[tuple[str, str, int]]] = defaultdict(list)
    for row in sample["list"]:
        rank = hashlib.sha256(f"{sample['seed']}|{row['case_id']}|{row['sequence']}".encode()).hexdigest()
        strata[row["verdict"], row["is_large"]].append((rank, row["case_id"], row["sequence"]))
    found = []
    for rows in strata.values():
        most = max(sample["least"], -(-len(rows) * sample["percent"] // 100))
        found += [(case_id, sequence) for _, case_id, sequence in sorted(rows)[:most]]
    return sorted(found)


def main(arguments: list[str]) -> int:
    """Draw, compare and say so."""
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    sample = json.loads(Path(arguments[0]).read_text("utf-8"))
    wrong = []
    if hashlib.sha256(sample["seed"].encode()).hexdigest() != sample["commitment"]:
        wrong.append("the seed is not the one that was committed to")
    if drawn(sample) != sorted((row["case_id"], row["sequence"]) for row in sample["drawn"]):
        wrong.append("another sample was drawn")
    print("\n".join(wrong) or f"{len(sample['drawn'])} of {len(sample['list'])} decisions, drawn as they should be")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
