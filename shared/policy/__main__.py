"""The policy on the command line: facts, ledgers or rosters in, answers out, one JSON object a line, no database.

python -m shared.policy decide < facts.jsonl
python -m shared.policy amounts < ledgers.jsonl
python -m shared.policy outcomes < rosters.jsonl
python -m shared.policy rehearse --terms NEW < facts.jsonl
python -m shared.policy handbook [--write]
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from pydantic_core import PydanticSerializationError, to_json

from shared.policy.amounts import amounts, parse_ledger
from shared.policy.clauses import LANGUAGES
from shared.policy.facts import parse_facts
from shared.policy.handbook import handbook
from shared.policy.outcomes import outcomes, parse_roster
from shared.policy.reading import InvalidFacts
from shared.policy.refund import decide
from shared.policy.rehearsal import Tally, rehearse
from shared.policy.terms import InvalidTerms, Terms, parse_terms

ROOT = Path(__file__).parents[2]
TERMS = ROOT / "programmes" / "terms.toml"
PAGES = {"en": ROOT / "docs" / "policy.md", "fr": ROOT / "docs" / "policy.fr.md"}

CHUNK_BYTES = 1 << 16


def read_terms(path: Path) -> dict[str, Terms]:
    """The versions of the terms in a TOML file."""
    return parse_terms(tomllib.loads(path.read_text(encoding="utf-8")))


def _object_without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return read


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


decode_facts = json.JSONDecoder(object_pairs_hook=_object_without_repetition, parse_constant=_refuse_constant).decode
decode_money = json.JSONDecoder(
    object_pairs_hook=_object_without_repetition, parse_constant=_refuse_constant, parse_float=Decimal
).decode


def _parse_json(line: bytes, decode: Callable[[str], Any]) -> Any:
    """One line of strict JSON: UTF-8, no key twice, no NaN; else InvalidFacts with code syntax."""
    try:
        return decode(line.decode("utf-8"))
    except RecursionError:
        raise InvalidFacts("", "syntax", "The line is nested too deeply.") from None
    except (ValueError, ArithmeticError) as error:  # Arithmetic: a number with an exponent beyond all measure.
        raise InvalidFacts("", "syntax", f"The line is not valid JSON: {error}.") from None


def _as_line(answer: object) -> bytes:
    try:
        return to_json(answer) + b"\n"
    except PydanticSerializationError:
        # A lone surrogate is no UTF-8: it goes out as the escape that it came in as.
        return json.dumps(answer).encode("ascii") + b"\n"


def lines_as_they_come(source: BinaryIO, out: BinaryIO) -> Iterator[bytes]:
    """The lines of `source`; whoever asks line by line gets the answers so far before the next question."""
    unfinished = b""
    while chunk := source.read1(CHUNK_BYTES):  # type: ignore[attr-defined]  # stdin's buffer has it
        *lines, unfinished = (unfinished + chunk).split(b"\n")
        yield from lines
        out.flush()
    if unfinished:
        yield unfinished


def answer_lines(
    lines: Iterable[bytes], out: BinaryIO, answer: Callable[[Any], object], decode: Callable[[str], Any]
) -> bool:
    """One answer a line, in order; a line that is not valid gets its error. Whether all lines were valid."""
    all_valid = True
    for line in lines:
        try:
            result = answer(_parse_json(line, decode))
        except InvalidFacts as error:
            all_valid = False
            result = {"error": error.as_json()}
        out.write(_as_line(result))
    return all_valid


def rehearse_lines(
    lines: Iterable[bytes], out: BinaryIO, terms_by_version: Mapping[str, Terms], new_terms: Terms
) -> bool:
    """A line for each decision that would change, with its line number, then the counts. Whether all were valid."""
    tally = Tally()
    for number, line in enumerate(lines, start=1):
        try:
            data = _parse_json(line, decode_facts)
            change = rehearse(parse_facts(data, terms_by_version), new_terms, data.get("override") or {})
        except InvalidFacts as error:
            tally.invalid += 1
            out.write(_as_line({"line": number, "error": error.as_json()}))
            continue
        tally.add(change)
        if change.before != change.after:
            out.write(_as_line({"line": number, **change.as_json()}))
    out.write(_as_line({"summary": {"terms": new_terms.version, **tally.as_json()}}))
    return tally.invalid == 0


def _new_terms(name: str, terms_by_version: Mapping[str, Terms]) -> Terms:
    """A version by its name, or the one that binds last in a TOML file of that name."""
    if name in terms_by_version:
        return terms_by_version[name]
    return max(read_terms(Path(name)).values(), key=lambda terms: terms.binds_from)


def _handbook_command(write: bool, language: str, terms_by_version: Mapping[str, Terms]) -> None:
    if not write:
        sys.stdout.buffer.write(handbook(terms_by_version, language).encode())
        return
    for each in LANGUAGES:
        PAGES[each].write_text(handbook(terms_by_version, each), encoding="utf-8", newline="\n")


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m shared.policy", description="Ask the policy, without a database.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("decide", help="facts in, decisions out, one a line")
    commands.add_parser("amounts", help="{ledger, percent, unpaid} in, refunds out, one a line")
    commands.add_parser("outcomes", help="rosters in, outcome figures out, one a line")
    rehearsal = commands.add_parser("rehearse", help="whose decision would change under new terms")
    rehearsal.add_argument("--terms", required=True, help="a version of the terms, or a TOML file that holds one")
    pages = commands.add_parser("handbook", help="the agreement in sentences")
    pages.add_argument("--write", action="store_true", help="write docs/policy.md and docs/policy.fr.md")
    pages.add_argument("--language", choices=LANGUAGES, default="en")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 1 if a line was not valid, 2 if the terms can't be read."""
    asked = _arguments(arguments)
    try:
        versions = read_terms(TERMS)
        new_terms = _new_terms(asked.terms, versions) if asked.command == "rehearse" else None
    except (InvalidTerms, OSError, tomllib.TOMLDecodeError) as error:
        print(f"The terms can't be read: {error}", file=sys.stderr)
        return 2
    if asked.command == "handbook":
        _handbook_command(asked.write, asked.language, versions)
        return 0
    # An answer makes no cycles, so there is nothing for the collector to find.
    gc.disable()
    out = sys.stdout.buffer
    lines = lines_as_they_come(sys.stdin.buffer, out)
    try:
        if new_terms is not None:
            all_valid = rehearse_lines(lines, out, versions, new_terms)
        elif asked.command == "decide":
            all_valid = answer_lines(
                lines, out, lambda said: decide(parse_facts(said, versions)).as_json(), decode_facts
            )
        elif asked.command == "amounts":
            all_valid = answer_lines(lines, out, lambda said: amounts(*parse_ledger(said)).as_json(), decode_money)
        else:
            all_valid = answer_lines(lines, out, lambda said: outcomes(parse_roster(said)), decode_money)
        out.flush()
    except BrokenPipeError:
        # Whoever read the answers has stopped reading: nothing is left to say, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0 if all_valid else 1


if __name__ == "__main__":
    sys.exit(main())
