"""What a decision costs, against parsing and printing the same JSON, in one run over the agreed cases.

python tools/bench_policy.py
"""

from __future__ import annotations

import json
import sys
import timeit
import tomllib
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from shared.policy.facts import parse_facts  # noqa: E402  (the path is set first, so that the file runs by itself)
from shared.policy.refund import decide  # noqa: E402
from shared.policy.terms import parse_terms  # noqa: E402

RATIO_MAX = 5.0
ROUNDS, REPEATS = 200, 7


def main() -> int:
    """Print the ratio; 1 if it is above what the design allows."""
    terms = parse_terms(tomllib.loads((ROOT / "programmes" / "terms.toml").read_text(encoding="utf-8")))
    cases = json.loads((ROOT / "tests" / "policy" / "cases.json").read_text(encoding="utf-8"))["decisions"]
    objects = [case["facts"] for case in cases]
    lines = [json.dumps(each) for each in objects]

    def parse_and_print() -> None:
        for line in lines:
            json.dumps(json.loads(line))

    def decide_all() -> None:
        for each in objects:
            decide(parse_facts(each, terms)).as_json()

    def whole_lines() -> None:
        for line in lines:
            json.dumps(decide(parse_facts(json.loads(line), terms)).as_json())

    base, decision, line = (best_of(work) / len(lines) for work in (parse_and_print, decide_all, whole_lines))
    print(f"parsing and printing the facts: {base:.1f} µs; a decision: {decision:.1f} µs, ratio {decision / base:.2f}")
    print(f"a whole line, decision printed with its sentences: {line:.1f} µs, ratio {line / base:.2f}")
    return 0 if decision / base <= RATIO_MAX else 1


def best_of(work: Callable[[], None]) -> float:
    """Microseconds for one run of `work`, the best of several: noise only ever adds."""
    return min(timeit.repeat(work, number=ROUNDS, repeat=REPEATS)) / ROUNDS * 1e6


if __name__ == "__main__":
    sys.exit(main())
