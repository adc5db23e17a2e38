"""Reading JSON strictly: what is wrong is told by its place, a code and a sentence."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import date
from typing import Any, TypeVar

from shared.domain.calendar import NotADate, parse_day

T = TypeVar("T")


class InvalidFacts(ValueError):
    """Facts that can't be judged: where (`pointer`, RFC 6901), what kind (`code`) and a sentence for people.

    Codes: syntax, missing, unknown_key, type, value, conflict.
    """

    def __init__(self, pointer: str, code: str, message: str) -> None:
        super().__init__(f"{pointer}: {message}")
        self.pointer = pointer
        self.code = code
        self.message = message

    def under(self, pointer: str) -> InvalidFacts:
        """The same fault, seen from the object that `pointer` leads into."""
        return InvalidFacts(pointer + self.pointer, self.code, self.message)

    def as_json(self) -> dict[str, str]:
        """What an answer's `error` holds."""
        return {"pointer": self.pointer, "code": self.code, "message": self.message}


def read_list(data: object, pointer: str, read: Callable[[object, Any], T], context: object) -> tuple[T, ...]:
    """Each item of a list, read by `read(item, context)`; a fault is told with the item's place."""
    if type(data) is not list:
        raise InvalidFacts(pointer, "type", "This is a list.")
    items: list[T] = []
    try:
        for item in data:
            items.append(read(item, context))
    except InvalidFacts as error:
        raise error.under(f"{pointer}/{len(items)}") from None
    return tuple(items)


def read_day(value: object, pointer: str) -> date:
    """A civil date `YYYY-MM-DD`."""
    if type(value) is not str:
        raise InvalidFacts(pointer, "type", "A date is a text YYYY-MM-DD.")
    try:
        return parse_day(value)
    except NotADate as error:
        raise InvalidFacts(pointer, "value", f"This is no date: {error}.") from None


def read_text(value: object, pointer: str) -> str:
    """A text, empty or not."""
    if type(value) is not str:
        raise InvalidFacts(pointer, "type", "This is a text.")
    return value


def read_word(value: object, words: Collection[str], pointer: str) -> str:
    """A word of a closed list."""
    if type(value) is not str:
        raise InvalidFacts(pointer, "type", "This is a word of a closed list.")
    if value not in words:
        raise InvalidFacts(pointer, "value", "This is one of: " + ", ".join(sorted(words)) + ".")
    return value


def read_flag(value: object, pointer: str) -> bool:
    """true or false."""
    if type(value) is not bool:
        raise InvalidFacts(pointer, "type", "This is true or false.")
    return value


def read_count(value: object, pointer: str) -> int:
    """A whole number that is not negative."""
    if type(value) is not int:
        raise InvalidFacts(pointer, "type", "This is a whole number.")
    if value < 0:
        raise InvalidFacts(pointer, "value", "This is a number that is not negative.")
    return value


def refuse_unknown(data: Mapping[str, object], known: Collection[str]) -> None:
    """Keys that nobody knows are refused, never ignored."""
    for key in data:
        if key not in known:
            raise InvalidFacts(f"/{escaped(key)}", "unknown_key", "There is no such key.")


def escaped(key: str) -> str:
    """A key as it stands in a JSON pointer (RFC 6901)."""
    return key.replace("~", "~0").replace("/", "~1") if type(key) is str else str(key)


def read_object(data: object, keys: Collection[str], required: Collection[str], pointer: str) -> dict[str, Any]:
    """An object with these keys and no other; a required key that is absent or null is missing."""
    if type(data) is not dict:
        raise InvalidFacts(pointer, "type", "This is an object.")
    try:
        refuse_unknown(data, keys)
    except InvalidFacts as error:
        raise error.under(pointer) from None
    for key in required:
        if data.get(key) is None:
            raise InvalidFacts(f"{pointer}/{key}", "missing", "This has to be said.")
    return data
