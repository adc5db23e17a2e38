"""Misbehaviour on demand: rules that say which calls go wrong, and how."""

from dataclasses import dataclass, field
from typing import Any

OPERATIONS = {
    "Read", "Create", "Replace", "Patch", "Delete", "Upsert", "Batch", "SqlQuery", "QueryPlan", "ReadFeed",
    "ChangeFeed", "*",
}  # fmt: skip
KINDS = {"status", "delay", "reset", "hang", "stale", "kill"}


@dataclass
class Rule:
    """One fault: for which calls, how often, and what happens instead of (or besides) the answer."""

    body: dict[str, Any]
    operation: str
    container: str | None
    id: str | None
    nth: int | None
    times: int | None
    effect: dict[str, Any]
    is_meta: bool
    matched: int = field(default=0)
    applied: int = field(default=0)


def _integer(body: dict[str, Any], name: str, least: int = 0) -> int | None:
    value = body.get(name)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < least):
        raise ValueError(f"'{name}' must be a whole number of at least {least}, or null")
    return value


def read_rule(body: Any) -> Rule:
    """A rule from its JSON form. Raises ValueError with a sentence for one that means nothing."""
    if not isinstance(body, dict) or not isinstance(body.get("effect"), dict):
        raise ValueError("a rule is an object with an 'effect'")
    operation, effect = body.get("operation", "*"), body["effect"]
    if operation not in OPERATIONS:
        raise ValueError(f"'operation' must be one of {', '.join(sorted(OPERATIONS))}")
    kind = effect.get("kind")
    if kind not in KINDS:
        raise ValueError(f"'kind' must be one of {', '.join(sorted(KINDS))}")
    if kind == "status" and not (isinstance(effect.get("status"), int) and 400 <= effect["status"] <= 599):
        raise ValueError("the effect 'status' needs a 'status' between 400 and 599")
    if kind == "delay" and _integer(effect, "ms") is None:
        raise ValueError("the effect 'delay' needs 'ms'")
    if kind == "kill" and _integer(effect, "pid", 2) is None and not isinstance(effect.get("pid_file"), str):
        raise ValueError("the effect 'kill' needs a 'pid' or a 'pid_file'")
    if kind in ("reset", "kill") and effect.get("when", "before") not in ("before", "after"):
        raise ValueError("'when' must be before or after")
    for name in ("substatus", "retry_after_ms"):
        _integer(effect, name)
    return Rule(
        body,
        operation,
        body.get("container"),
        body.get("id"),
        _integer(body, "nth", 1),
        _integer(body, "times"),
        effect,
        body.get("meta") is True,
    )


class Faults:
    """The rules that are set. Each counts its own calls from the moment it was set."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []

    def replace(self, bodies: Any) -> None:
        if not isinstance(bodies, list):
            raise ValueError("'rules' must be a list")
        self.rules = [read_rule(body) for body in bodies]

    def effects_for(self, operation: str, container: str | None, item_id: str | None, is_meta: bool) -> list[Any]:
        """The effects that this call suffers, in the order of the rules. Asking counts the call."""
        effects = []
        for rule in self.rules:
            if rule.is_meta is not is_meta or rule.operation not in ("*", operation):
                continue
            if rule.container not in (None, container) or rule.id not in (None, item_id):
                continue
            rule.matched += 1
            if rule.nth is not None and rule.matched != rule.nth:
                continue
            if rule.times is not None and rule.applied >= rule.times:
                continue
            rule.applied += 1
            effects.append(rule.effect)
        return effects

    def listed(self) -> list[dict[str, Any]]:
        return [{**rule.body, "matched": rule.matched, "applied": rule.applied} for rule in self.rules]
