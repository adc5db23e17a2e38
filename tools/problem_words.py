"""Writes shared/presentation/problem_words.toml from the pages' own words: `python tools/problem_words.py --write`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from shared.presentation.frame import LANGUAGES  # noqa: E402 - the repository is not installed as a package
from tools.event_words import words_of  # noqa: E402
from tools.generated import put  # noqa: E402

FILE = ROOT / "shared" / "presentation" / "problem_words.toml"
KINDS = ("problem.", "complaint.", "field.")
PREFACE = """# What was wrong with a form, in words, for browsers that run no script.
# Generated from web/words/: do not edit. To write it anew: make docs
"""


def file() -> str:
    """The whole file."""
    return PREFACE + "".join(_said(language) for language in LANGUAGES)


def _said(language: str) -> str:
    words = {key: text for key, text in words_of(language).items() if key.startswith(KINDS)}
    lines = (f'"{key}" = {json.dumps(text, ensure_ascii=False)}\n' for key, text in sorted(words.items()))
    return f"\n[{language}]\n" + "".join(lines)


if __name__ == "__main__":
    put(FILE, file())
