"""What a decision costs, against parsing and printing the same JSON, in one run over the agreed cases.

python tools/bench_policy.py
"""

from __future__ import annotations

import io
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from shared.policy import __main__ as command  # noqa: E402  (the path is set first, so that the file runs by itself)
from shared.policy.facts import parse_facts  # noqa: E402
from shared.policy.refund import decide  # noqa: E402

RATIO_MAX = 5.0
ROUNDS = 300


def main() -> int:
    """Print the ratios; 1 if a decision costs more than the design allows."""
    terms = command.read_terms(command.TERMS)
    cases = json.loads((ROOT / "tests" / "policy" / "cases.json").read_text(encoding="utf-8"))["decisions"]
    objects = [case["facts"] for case in cases]
    lines = [json.dumps(each).encode() for each in objects]

    def parse_and_print() -> None:
        for line in lines:
            json.dumps(json.loads(line)).encode()

    def decide_all() -> None:
        for each in objects:
            decide(parse_facts(each, terms)).as_json()

    def whole_lines() -> None:
        command.answer_lines(
            lines, io.BytesIO(), lambda data: decide(parse_facts(data, terms)).as_json(), command.decode_facts
        )

    base, decision, line = (seconds / len(lines) * 1e6 for seconds in best_of(parse_and_print, decide_all, whole_lines))
    print(f"parsing and printing the facts: {base:.1f} µs")
    print(f"a decision with its findings: {decision:.1f} µs, ratio {decision / base:.2f} (at most {RATIO_MAX:.0f})")
    print(f"a line of the command, read, decided, printed: {line:.1f} µs, ratio {line / base:.2f}")
    return 0 if decision / base <= RATIO_MAX else 1


def best_of(*works: Callable[[], None]) -> list[float]:
    """Seconds for one run of each work: the best of many rounds, taken in turn, because noise only ever adds."""
    best = [float("inf")] * len(works)
    for _ in range(ROUNDS):
        for index, work in enumerate(works):
            start = time.perf_counter()
            work()
            best[index] = min(best[index], time.perf_counter() - start)
    return best


if __name__ == "__main__":
    sys.exit(main())
