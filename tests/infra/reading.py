"""Reads the Bicep files as data: the parser understands a subset of the language, and so we write only that."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pycep import BicepParser

ROOT = Path(__file__).parents[2]
INFRA = ROOT / "infra"
FILES = (INFRA / "main.bicep", *sorted((INFRA / "modules").glob("*.bicep")))


@dataclass(frozen=True)
class Resource:
    """One resource as written: `body` is what stands between its braces, whatever loop or condition is around."""

    file: str
    name: str
    type: str
    api_version: str
    existing: bool
    body: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.file}: {self.name}"

    def paths(self) -> set[str]:
        """The names of all its properties, as dotted paths; what names itself (tags, settings) is a star."""
        return set(_paths(self.body, ""))


@cache
def _parser() -> BicepParser:
    return BicepParser()


@cache
def parse(text: str) -> dict[str, Any]:
    """A Bicep file as the parser sees it."""
    return _parser().parse(text=text)


def texts() -> dict[str, str]:
    """Every Bicep file by name."""
    return {path.relative_to(INFRA).as_posix(): path.read_text("utf-8") for path in FILES}


def resources(files: dict[str, str]) -> list[Resource]:
    """Every resource of every file."""
    return [
        Resource(file, name, said["type"], said["api_version"], said["existing"], bare(said["config"]))
        for file, text in files.items()
        for name, said in parse(text).get("resources", {}).items()
    ]


def modules(text: str) -> dict[str, dict[str, Any]]:
    """The parameters that main.bicep hands to each module."""
    return {name: bare(said["config"]) for name, said in parse(text)["modules"].items()}


def bare(config: dict[str, Any]) -> dict[str, Any]:
    """The body without the loop and the condition around it."""
    while set(config) <= {"loop_type", "condition", "config"} and "config" in config:
        config = config["config"]
    return config


def _paths(value: Any, at: str) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from _paths(each, at)
    elif isinstance(value, dict):
        value = bare(value)
        inner = value.get("operator") or value.get("function")
        if inner is not None and len(value) == 1:
            given = inner.get("operands") or inner.get("parameters") or {}
            for each in given.values() if isinstance(given, dict) else given:
                yield from _paths(each, at)
            return
        for key, each in value.items():
            name = "*" if "${" in key or at == ".tags" else key.strip("'")
            yield f"{at}.{name}"
            yield from _paths(each, f"{at}.{name}")


def parameter_file(stage: str) -> dict[str, str]:
    """What main.<stage>.bicepparam sets, as written."""
    text = (INFRA / f"main.{stage}.bicepparam").read_text("utf-8")
    return dict(re.findall(r"^param (\w+) = (.+)$", text, re.MULTILINE))
