"""Writes shared/use_cases/event_words.toml from the pages' own words: `python tools/event_words.py --write`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools.generated import put  # noqa: E402 - the repository is not installed as a package

FILE = ROOT / "shared" / "use_cases" / "event_words.toml"
LANGUAGES = ("en", "fr")
PREFACE = """# What happened, in words, for the copy of their data that a person may ask for.
# Generated from web/words/: do not edit. To write it anew: `python tools/event_words.py --write`.

[event]
"""


def words_of(language: str) -> dict[str, str]:
    """Every word of the pages in one language."""
    text = (ROOT / "web" / "words" / f"{language}.js").read_text("utf-8")
    found: dict[str, str] = json.loads(text.partition("export default ")[2].rstrip().removesuffix(";"))
    return found


def file() -> str:
    """The whole file."""
    words = {language: words_of(language) for language in LANGUAGES}
    events = sorted(key for key in words["en"] if key.startswith("event."))
    return PREFACE + "".join(f"{key.removeprefix('event.')} = {_pair(key, words)}\n" for key in events)


def _pair(key: str, words: dict[str, dict[str, str]]) -> str:
    said = (f"{language} = {json.dumps(words[language][key], ensure_ascii=False)}" for language in LANGUAGES)
    return "{ " + ", ".join(said) + " }"


if __name__ == "__main__":
    put(FILE, file())
