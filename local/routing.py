"""Route templates as the functions host reads them: `{name}`, `{name:int}`, `{name?}`, `{*rest}`, any letter case."""

import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import unquote

_PLACEHOLDER = re.compile(r"\{(?P<star>\*{0,2})(?P<name>\w+)(?P<constraints>(?::[^{}]+?)?)(?P<optional>\??)\}")
_CONSTRAINT = re.compile(r":(?P<name>[a-z]+)(?:\((?P<arguments>.*?)\))?(?=:|$)")


def _is_guid(value: str) -> bool:
    try:
        uuid.UUID(value)
    except ValueError:
        return False
    return True


def _is_integer(value: str) -> bool:
    return re.fullmatch(r"[+-]?[0-9]+", value) is not None


CONSTRAINTS: dict[str, Callable[[str, list[str]], bool]] = {
    "alpha": lambda value, _: re.fullmatch(r"[A-Za-z]*", value) is not None,
    "bool": lambda value, _: value.lower() in ("true", "false"),
    "guid": lambda value, _: _is_guid(value),
    "int": lambda value, _: _is_integer(value) and -(2**31) <= int(value) < 2**31,
    "long": lambda value, _: _is_integer(value) and -(2**63) <= int(value) < 2**63,
    "length": lambda value, limits: int(limits[0]) <= len(value) <= int(limits[-1]),
    "minlength": lambda value, limits: len(value) >= int(limits[0]),
    "maxlength": lambda value, limits: len(value) <= int(limits[0]),
    "min": lambda value, limits: _is_integer(value) and int(value) >= int(limits[0]),
    "max": lambda value, limits: _is_integer(value) and int(value) <= int(limits[0]),
    "range": lambda value, limits: _is_integer(value) and int(limits[0]) <= int(value) <= int(limits[1]),
    "regex": lambda value, pattern: re.search(",".join(pattern), value, re.IGNORECASE) is not None,
}


@dataclass(frozen=True)
class Route:
    """One template: `match` gives the route parameters of a path, or None."""

    template: str
    pattern: re.Pattern[str]
    checks: tuple[tuple[str, str, tuple[str, ...]], ...]
    precedence: tuple[int, ...]

    def match(self, path: str) -> dict[str, str] | None:
        """Match a path (without the leading slash, percent-encoded segments decoded one by one)."""
        found = self.pattern.fullmatch(path)
        if found is None:
            return None
        parameters = {name: value for name, value in found.groupdict().items() if value is not None}
        for name, constraint, arguments in self.checks:
            if name in parameters and not CONSTRAINTS[constraint](parameters[name], list(arguments)):
                return None
        return parameters


def parse_route(template: str) -> Route:
    """Read a template, or raise ValueError: better at start than a route that never answers."""
    pattern, precedence, checks = "", [], []
    segments = list(_segments(template.strip("/")))
    for position, segment in enumerate(segments):
        expression, weight, optional = "", 1, False
        cursor = 0
        for found in _PLACEHOLDER.finditer(segment):
            expression += re.escape(segment[cursor : found.start()])
            cursor = found.end()
            whole = found.group() == segment
            optional = bool(found["optional"]) and whole
            constraints = list(_constraints(template, found))
            checks += constraints
            weight = (5 if found["star"] else 3) - (1 if constraints or not whole else 0)
            expression += f"(?P<{found['name']}>{'.*' if found['star'] else '[^/]+?'})"
        rest = segment[cursor:]
        if "{" in rest or "}" in rest:
            raise ValueError(f"The route {template!r} has a placeholder the local host does not know: {segment!r}.")
        expression += re.escape(rest)
        separator = "/" if position else ""
        pattern += f"(?:{separator}{expression})?" if optional else separator + expression
        precedence.append(weight)
    return Route(template, re.compile(pattern, re.IGNORECASE | re.DOTALL), tuple(checks), tuple(precedence))


def path_to_match(raw_path: str) -> str:
    """The path as routes see it: segments decoded one by one, an encoded slash left as it came."""
    segments = raw_path.removeprefix("/").removesuffix("/").split("/")
    return "/".join(unquote(segment).replace("/", "%2F") for segment in segments)


def _segments(template: str) -> Iterator[str]:
    """Split at slashes outside braces (a regex constraint may hold one)."""
    depth, start = 0, 0
    for position, character in enumerate(template):
        depth += (character == "{") - (character == "}")
        if character == "/" and depth == 0:
            yield template[start:position]
            start = position + 1
    yield template[start:]


def _constraints(template: str, found: re.Match[str]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    text = found["constraints"]
    parsed = list(_CONSTRAINT.finditer(text))
    if text and (not parsed or any(one["name"] not in CONSTRAINTS for one in parsed)):
        raise ValueError(f"The route {template!r} has a constraint the local host does not know: {text[1:]!r}.")
    for one in parsed:
        yield found["name"], one["name"], tuple((one["arguments"] or "").split(","))
