"""The frame of a report's page: one style, no script, words in English and French, what its figures rest on."""

from __future__ import annotations

import base64
import hashlib
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

LANGUAGES = ("en", "fr")


@cache
def _words() -> dict[str, dict[str, str]]:
    return tomllib.loads(Path(__file__).with_name("words.toml").read_text("utf-8"))


@cache
def style() -> str:
    """The one style sheet, as it stands in every page."""
    return Path(__file__).with_name("page.css").read_text("utf-8")


def policy() -> str:
    """What a browser may do with such a page: nothing but show it, in this very style."""
    digest = base64.b64encode(hashlib.sha256(style().encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


class Speaker:
    """Words, numbers and figures in one language."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._said = _words()[language]

    def __call__(self, key: str, **values: object) -> str:
        return (
            self._said[key].format(**values).replace(" :", "\u00a0:").replace(" ;", "\u00a0;").replace(" %", "\u00a0%")
        )

    def named(self, kind: str, code: str) -> str:
        """A code by its name; a code without one is its own name."""
        return self._said.get(f"{kind}.{code}", code.replace("_", " "))

    def told(self, key: str, otherwise: str) -> str:
        """A sentence that one language has words of its own for."""
        return self._said.get(key, otherwise)

    def number(self, value: object) -> str:
        """A figure with its decimal sign and its thousands apart."""
        if value is None:
            return self("withheld")
        whole, _, rest = str(value).partition(".")
        apart = f"{int(whole):,}".replace(",", "\u202f" if self.language == "fr" else ",")
        return apart + (("," if self.language == "fr" else ".") + rest if rest else "")

    def share(self, share: Mapping[str, Any] | None) -> str:
        """A share as count, whole and per cent."""
        if share is None:
            return self("withheld")
        percent = "" if share["percent"] is None else f" = {self.number(share['percent'])}\u00a0%"
        return f"{self.number(share['count'])}\u00a0/\u00a0{self.number(share['of'])}{percent}"

    def pay(self, amount: object) -> str:
        """A salary: cents only where there are any."""
        return self.number(f"{amount}".removesuffix(".00"))

    def money(self, money: Mapping[str, str]) -> str:
        """An amount and its currency."""
        return f"{self.number(money['amount'])}\u00a0{money['currency']}"


def page(say: Speaker, title: str, *parts: str) -> str:
    """A whole page."""
    return (
        f'<!doctype html>\n<html lang="{say.language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style()}</style></head>"
        f"<body><main><h1>{escape(title)}</h1>{''.join(parts)}</main></body></html>\n"
    )


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose first column names the row; a narrow screen scrolls it, by keyboard too."""
    head = "".join(f'<th scope="col">{escape(each)}</th>' for each in heads)
    body = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>' + "".join(f"<td>{escape(each)}</td>" for each in row[1:]) + "</tr>"
        for row in rows
    )
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption, quote=True)}"><table>'
        f"<caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def section(title: str, *parts: str) -> str:
    """A part of a page."""
    return f"<section><h2>{escape(title)}</h2>{''.join(parts)}</section>"


def paragraph(words: str, kind: str = "") -> str:
    """A paragraph."""
    return f'<p class="{kind}">{escape(words)}</p>' if kind else f"<p>{escape(words)}</p>"


def provenance(say: Speaker, report: Mapping[str, Any]) -> str:
    """What every figure of the page rests on: definition, data, date."""
    definition = report["definition"]
    whose = f"{definition['id']}@{definition['version']}"
    rows = [
        (say("definition"), f"{say.named('yardstick', definition['id'])}, {definition['version']}"),
        (say("counted"), say.told(f"{whose}.count", definition["count"])),
        (say("whole"), say.told(f"{whose}.of", definition["of"])),
        (say("source"), definition["source"]),
        (say("on"), report["on"]),
    ]
    if report["known_at"] is not None:
        rows.append((say("known_at"), report["known_at"][:16].replace("T", " ") + " UTC"))
    rows += [(say("data_hash"), report["data_hash"])] if "data_hash" in report else []
    rows += [(say("definition_hash"), report["definition_hash"])] if "definition_hash" in report else []
    items = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in rows)
    return section(say("rests_on"), f"<dl>{items}</dl>")
