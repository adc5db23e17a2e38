"""The syntax tree of a query, and the errors a query can have."""

from dataclasses import dataclass, field
from typing import Any

from local.cosmos.wire import CosmosError


def query_error(code: str, message: str, start: int = 0, end: int = 0) -> CosmosError:
    """A 400 in the words and shape of the service's query engine."""
    location = {"start": start, "end": end}
    error = {"severity": "Error", "location": location, "code": code, "message": message}
    return CosmosError(400, message, errors=[error])


@dataclass(slots=True)
class Literal:
    value: Any


@dataclass(slots=True)
class Parameter:
    name: str


@dataclass(slots=True)
class Name:
    """A variable: the alias of a FROM or JOIN source."""

    name: str
    # Where it stands does not make it another name.
    start: int = field(default=0, compare=False)


@dataclass(slots=True)
class Member:
    """`target.name` or `target[index]`; `key` is then an expression."""

    target: "Expression"
    key: "Expression"


@dataclass(slots=True)
class Unary:
    operator: str
    operand: "Expression"


@dataclass(slots=True)
class Binary:
    operator: str
    left: "Expression"
    right: "Expression"


@dataclass(slots=True)
class Logical:
    """AND or OR over any number of parts, so that a thousand of them are no thousand levels."""

    operator: str
    parts: list["Expression"]


@dataclass(slots=True)
class In:
    operand: "Expression"
    choices: list["Expression"]
    negated: bool


@dataclass(slots=True)
class Between:
    operand: "Expression"
    low: "Expression"
    high: "Expression"
    negated: bool


@dataclass(slots=True)
class Like:
    operand: "Expression"
    pattern: "Expression"
    escape: str | None
    negated: bool


@dataclass(slots=True)
class Ternary:
    condition: "Expression"
    if_true: "Expression"
    if_false: "Expression"


@dataclass(slots=True)
class Call:
    name: str
    arguments: list["Expression"]
    start: int = field(default=0, compare=False)
    end: int = field(default=0, compare=False)


@dataclass(slots=True)
class ArrayOf:
    items: list["Expression"]


@dataclass(slots=True)
class ObjectOf:
    items: list[tuple[str, "Expression"]]


@dataclass(slots=True)
class Subquery:
    """`kind` is scalar, exists or array."""

    kind: str
    query: "Select"


Expression = (
    Literal | Parameter | Name | Member | Unary | Binary | Logical | In | Between | Like | Ternary | Call | ArrayOf
    | ObjectOf | Subquery
)  # fmt: skip


@dataclass(slots=True)
class Column:
    """One column of SELECT with the text it was written as."""

    expression: Expression
    alias: str | None
    text: str


@dataclass(slots=True)
class Source:
    """`alias` bound to `expression`, or with `iterates` to each element of it in turn."""

    alias: str
    expression: Expression
    iterates: bool


@dataclass(slots=True)
class Order:
    expression: Expression
    descending: bool
    text: str


@dataclass(slots=True)
class Select:
    distinct: bool = False
    top: Expression | None = None
    star: bool = False
    value: bool = False
    columns: list[Column] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)
    where: Expression | None = None
    group_by: list[Column] = field(default_factory=list)
    order_by: list[Order] = field(default_factory=list)
    offset: Expression | None = None
    limit: Expression | None = None
    # The clauses as written, for the query plan.
    from_text: str = ""
    where_text: str = ""

    @property
    def root(self) -> str | None:
        """The alias under which the container's items are known, None without a FROM."""
        return self.sources[0].alias if self.sources else None


AGGREGATES = {"COUNT", "SUM", "MIN", "MAX", "AVG", "COUNTIF", "MAKELIST", "MAKESET"}


def children(node: Expression) -> list[Expression]:
    """The expressions directly below this one, not looking into subqueries."""
    match node:
        case Member(target, key):
            return [target, key]
        case Unary(_, operand):
            return [operand]
        case Binary(_, left, right):
            return [left, right]
        case Logical(_, parts) | ArrayOf(parts):
            return parts
        case In(operand, choices, _):
            return [operand, *choices]
        case Between(operand, low, high, _):
            return [operand, low, high]
        case Like(operand, pattern, _, _):
            return [operand, pattern]
        case Ternary(condition, if_true, if_false):
            return [condition, if_true, if_false]
        case Call():
            return node.arguments
        case ObjectOf(items):
            return [value for _, value in items]
    return []


def aggregates_in(node: Expression) -> list[Call]:
    """The aggregate calls of this expression, outermost only."""
    found, pending = [], [node]
    while pending:
        part = pending.pop()
        if isinstance(part, Call) and part.name in AGGREGATES:
            found.append(part)
        else:
            pending.extend(reversed(children(part)))
    return found


def path_of(node: Expression) -> tuple[str, list[str | int]] | None:
    """(alias, steps) of a plain property path such as c.a["b"][0], else None."""
    steps: list[str | int] = []
    while isinstance(node, Member):
        if not isinstance(node.key, Literal) or not isinstance(node.key.value, (str, int)):
            return None
        steps.append(node.key.value)
        node = node.target
    if not isinstance(node, Name):
        return None
    return node.name, steps[::-1]
