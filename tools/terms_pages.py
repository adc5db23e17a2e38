"""Writes the terms as pages of the site, one for each version and language: `python tools/terms_pages.py --write`."""

from __future__ import annotations

import sys
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from shared.domain.calendar import day_in_words  # noqa: E402 - the repository is not installed as a package
from shared.policy.__main__ import TERMS, read_terms  # noqa: E402
from shared.policy.clauses import LANGUAGES  # noqa: E402
from shared.policy.handbook import BINDING, SECTIONS, TITLE, Section  # noqa: E402
from shared.policy.terms import Terms  # noqa: E402
from tools.event_words import words_of  # noqa: E402
from tools.generated import put  # noqa: E402

WEB = ROOT / "web"
NAMES = {"en": "English", "fr": "Français"}
FRAME = """<!doctype html>
<html lang="{language}">
<!-- Generated from the clauses that the code examines: do not edit. To write it anew: make docs -->
<head>
  <meta charset="utf-8">
  <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'self'; img-src 'self' data:; \
form-action 'self'; base-uri 'none'">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="referrer" content="no-referrer">
  <title>{title}</title>
  <link rel="icon" href="icon.svg">
  <link rel="stylesheet" href="style.css">
</head>
<body>
<a class="skip" href="#main">{skip}</a>
<header class="top">
  <div>
    <a class="brand" href="index.html">Pledge</a>
    <nav aria-label="{pages}">
      <a href="index.html">{apply}</a>
      <a href="link.html">{link}</a>
    </nav>
    <nav aria-label="{in_language}">
{languages}    </nav>
  </div>
</header>
<main id="main">
  <h1>{title}</h1>
  <p class="intro">{terms} {binding}</p>
{sections}</main>
<footer>
  <span>{promise}</span>
  <a href="privacy.html">{privacy}</a>
</footer>
</body>
</html>
"""


def name_of(version: str, language: str) -> str:
    """What the page of a version is called, as the scripts of the site name it too."""
    return f"terms.{version}.{language}.html"


def page(terms: Terms, language: str) -> str:
    """The whole page."""
    position, words = LANGUAGES.index(language), words_of(language)
    return FRAME.format(
        language=language,
        title=escape(TITLE[position], quote=False),
        terms=escape(_named(terms, words, language), quote=False),
        binding=escape(BINDING[position].format(binds_from=day_in_words(terms.binds_from, language)), quote=False),
        sections="".join(_section(section, terms, language) for section in SECTIONS),
        languages="".join(_link(terms.version, each, each == language) for each in LANGUAGES),
        in_language=words["nav.language"],
        promise=escape(words["footer.promise"], quote=False),
        **{name: escape(words[f"nav.{name}"], quote=False) for name in ("skip", "pages", "apply", "link", "privacy")},
    )


def _named(terms: Terms, words: dict[str, str], language: str) -> str:
    colon = " :" if language == "fr" else ":"
    return f"{words['guarantee.terms']}{colon} {words[f'terms.{terms.version}']}."


def _section(section: Section, terms: Terms, language: str) -> str:
    position = LANGUAGES.index(language)
    clauses = "".join(
        f"      <li><strong>{clause.number}</strong> {escape(clause.sentence.say(terms, language), quote=False)}</li>\n"
        for clause in section.clauses
        if clause.is_part_of(terms)
    )
    return (
        f'  <section class="sheet">\n    <h2>{escape(section.title[position], quote=False)}</h2>\n'
        f'    <p class="soft">{escape(section.introduction[position], quote=False)}</p>\n'
        f'    <ul class="plain">\n{clauses}    </ul>\n  </section>\n'
    )


def _link(version: str, language: str, is_this: bool) -> str:
    current = ' aria-current="true"' if is_this else ""
    return (
        f'      <a href="{name_of(version, language)}" lang="{language}" hreflang="{language}"{current}>'
        f"{NAMES[language]}</a>\n"
    )


def pages() -> dict[str, str]:
    """Every page by its name."""
    return {
        name_of(terms.version, language): page(terms, language)
        for terms in read_terms(TERMS).values()
        for language in LANGUAGES
    }


if __name__ == "__main__":
    for name, text in pages().items():
        put(WEB / name, text)
