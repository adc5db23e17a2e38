"""From syntax tree to Python functions: an expression becomes a function of the variables' values."""

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

from local.cosmos.sql.functions import FUNCTIONS, TIME_FUNCTIONS, unique
from local.cosmos.sql.syntax import (
    AGGREGATES,
    ArrayOf,
    Between,
    Binary,
    Call,
    Expression,
    In,
    Like,
    Literal,
    Logical,
    Member,
    Name,
    ObjectOf,
    Parameter,
    Select,
    Subquery,
    Ternary,
    Unary,
    path_of,
    query_error,
)
from local.cosmos.sql.values import UNDEFINED, compare, equal, is_number, number, sort_key
from local.cosmos.wire import CosmosError

# The values of all variables, each in its slot; one list serves all rows of a query in turn.
Slots = list[Any]
Evaluated = Callable[[Slots], Any]

ORDERINGS: dict[str, Callable[[int], bool]] = {
    "<": lambda sign: sign < 0,
    "<=": lambda sign: sign <= 0,
    ">": lambda sign: sign > 0,
    ">=": lambda sign: sign >= 0,
}
ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    # The sign follows the dividend, as in C.
    "%": lambda a, b: a - b * int(a / b),
}
BITWISE: dict[str, Callable[[int, int], int]] = {
    "&": lambda a, b: a & b,
    "|": lambda a, b: a | b,
    "^": lambda a, b: a ^ b,
    "<<": lambda a, b: a << (b & 31),
    ">>": lambda a, b: a >> (b & 31),
    ">>>": lambda a, b: (a & 0xFFFFFFFF) >> (b & 31),
}

# An OR of this many equalities is worth a table.
CHOICES_MIN = 8


class Patience:
    """How long a query may still run."""

    def __init__(self) -> None:
        self.ends_at = float("inf")

    def begin(self, seconds: float) -> None:
        self.ends_at = time.monotonic() + seconds

    def look_at_the_clock(self) -> None:
        if time.monotonic() > self.ends_at:
            raise CosmosError(408, "The query did not finish within the time this endpoint gives it.")


class Scope:
    """The variables that can be seen at one place of a query, and the parameters' values."""

    def __init__(self, parameters: dict[str, Any], now: float, outer: "Scope | None" = None) -> None:
        self.parameters = parameters
        self.now = now
        self.slots: dict[str, int] = dict(outer.slots) if outer else {}
        self.root: Scope = outer.root if outer else self
        self.slot_count = 0
        self.patience: Patience = outer.patience if outer else Patience()
        # What makes a query one that may take long, however few items it reads.
        self.functions: set[str] = outer.functions if outer else set()
        self.has_subquery = False
        # The aggregates of the query being compiled; None where none may stand, as in WHERE.
        self.aggregates: list[Aggregate] | None = None

    def declare(self, name: str) -> int:
        slot = self.new_slot()
        self.slots[name] = slot
        return slot

    def new_slot(self) -> int:
        self.root.slot_count += 1
        return self.root.slot_count - 1


class Aggregate:
    """One COUNT, SUM ... of a query: what to feed it for each row, and what it comes to."""

    def __init__(self, name: str, argument: Evaluated, slot: int) -> None:
        self.name = name
        self.argument = argument
        self.slot = slot

    def result(self, values: list[Any]) -> Any:
        """The aggregate of these values, from which undefined ones have been dropped."""
        if self.name == "COUNT":
            return len(values)
        if self.name == "COUNTIF":
            return sum(value is True for value in values)
        if self.name in ("MAKELIST", "MAKESET"):
            return values if self.name == "MAKELIST" else unique(values)
        if self.name in ("MIN", "MAX"):
            scalars = [value for value in values if not isinstance(value, (list, dict))]
            pick = min if self.name == "MIN" else max
            return pick(scalars, key=sort_key) if scalars else UNDEFINED
        if not all(map(is_number, values)):
            return UNDEFINED
        if self.name == "AVG":
            return number(sum(values) / len(values)) if values else UNDEFINED
        return number(sum(values))


def compile_expression(node: Expression, scope: Scope) -> Evaluated:
    """The function that evaluates this expression. Raises CosmosError for unknown names and functions."""
    match node:
        case Literal(value):
            return lambda slots: value
        case Parameter(name):
            if name not in scope.parameters:
                raise query_error("SC2090", f"The parameter '{name}' is not supplied with a value.")
            given = scope.parameters[name]
            return lambda slots: given
        case Name():
            return _variable(node, scope)
        case Member():
            return _member(node, scope)
        case Unary(operator, operand):
            return _unary(operator, compile_expression(operand, scope))
        case Binary():
            return _binary(node, scope)
        case Logical(operator, parts):
            choice = _choice(parts, scope) if operator == "OR" else None
            return choice or _logical(operator, [compile_expression(part, scope) for part in parts])
        case In():
            return _in(node, scope)
        case Between(operand, low, high, negated):
            inner: Expression = Logical("AND", [Binary(">=", operand, low), Binary("<=", operand, high)])
            return compile_expression(Unary("NOT", inner) if negated else inner, scope)
        case Like():
            return _like(node, scope)
        case Ternary(condition, if_true, if_false):
            test, yes, no = (compile_expression(part, scope) for part in (condition, if_true, if_false))
            return lambda slots: yes(slots) if test(slots) is True else no(slots)
        case Call():
            return _call(node, scope)
        case ArrayOf(items):
            elements = [compile_expression(item, scope) for item in items]
            return lambda slots: [value for part in elements if (value := part(slots)) is not UNDEFINED]
        case ObjectOf(pairs):
            return object_of([(name, compile_expression(value, scope)) for name, value in pairs])
        case Subquery():
            return _subquery(node, scope)
    raise TypeError(node)


def object_of(pairs: list[tuple[str, Evaluated]]) -> Evaluated:
    """An object without the properties whose value is undefined."""

    def built(slots: Slots) -> Any:
        return {name: value for name, part in pairs if (value := part(slots)) is not UNDEFINED}

    return built


def _variable(node: Name, scope: Scope) -> Evaluated:
    slot = scope.slots.get(node.name)
    if slot is None:
        if node.name == "undefined":
            return lambda slots: UNDEFINED
        message = f"Identifier '{node.name}' could not be resolved."
        raise query_error("SC2001", message, node.start, node.start + len(node.name))
    return lambda slots: slots[slot]


def _member(node: Member, scope: Scope) -> Evaluated:
    path = path_of(node)
    if path is not None and path[0] in scope.slots:
        return _path(scope.slots[path[0]], path[1])
    target, key = compile_expression(node.target, scope), compile_expression(node.key, scope)
    return lambda slots: step(target(slots), key(slots))


def _path(slot: int, steps: list[str | int]) -> Evaluated:
    if len(steps) == 1 and isinstance(steps[0], str):
        name = steps[0]

        def single(slots: Slots) -> Any:
            value = slots[slot]
            return value.get(name, UNDEFINED) if type(value) is dict else UNDEFINED

        return single

    def walked(slots: Slots) -> Any:
        value = slots[slot]
        for key in steps:
            value = step(value, key)
        return value

    return walked


def step(value: Any, key: Any) -> Any:
    """`value[key]`, undefined where there is none."""
    if isinstance(value, dict) and isinstance(key, str):
        return value.get(key, UNDEFINED)
    if isinstance(value, list) and is_number(key) and 0 <= key < len(value) and key == int(key):
        return value[int(key)]
    return UNDEFINED


def _unary(operator: str, operand: Evaluated) -> Evaluated:
    def negated(slots: Slots) -> Any:
        value = operand(slots)
        return not value if isinstance(value, bool) else UNDEFINED

    def numeric(slots: Slots) -> Any:
        value = operand(slots)
        if not is_number(value):
            return UNDEFINED
        if operator == "~":
            return ~int(value) if value == int(value) else UNDEFINED
        return -value if operator == "-" else value

    return negated if operator == "NOT" else numeric


def _binary(node: Binary, scope: Scope) -> Evaluated:
    left, right = compile_expression(node.left, scope), compile_expression(node.right, scope)
    operator = node.operator
    if operator == "=":
        return lambda slots: equality(left(slots), right(slots))
    if operator == "!=":

        def differs(slots: Slots) -> Any:
            same = equality(left(slots), right(slots))
            return UNDEFINED if same is UNDEFINED else not same

        return differs
    if operator in ORDERINGS:
        holds = ORDERINGS[operator]

        def ordered(slots: Slots) -> Any:
            sign = compare(left(slots), right(slots))
            return UNDEFINED if sign is None else holds(sign)

        return ordered
    if operator == "??":

        def coalesced(slots: Slots) -> Any:
            value = left(slots)
            return right(slots) if value is UNDEFINED else value

        return coalesced
    if operator == "||":

        def joined(slots: Slots) -> Any:
            first, second = left(slots), right(slots)
            return first + second if isinstance(first, str) and isinstance(second, str) else UNDEFINED

        return joined
    return lambda slots: calculate(operator, left(slots), right(slots))


def equality(left: Any, right: Any) -> Any:
    """Whether two values are equal; undefined where one of them is."""
    if left is UNDEFINED or right is UNDEFINED:
        return UNDEFINED
    return equal(left, right)


def calculate(operator: str, left: Any, right: Any) -> Any:
    if not is_number(left) or not is_number(right):
        return UNDEFINED
    if operator in ARITHMETIC:
        try:
            return number(ARITHMETIC[operator](left, right))
        except (ZeroDivisionError, OverflowError, ValueError):
            return UNDEFINED
    if left != int(left) or right != int(right):
        return UNDEFINED
    return number(BITWISE[operator](int(left), int(right)))


def _logical(operator: str, parts: list[Evaluated]) -> Evaluated:
    """Three-valued AND and OR: a part that is no boolean leaves the whole undefined unless another decides it."""
    decides = operator == "OR"

    def evaluated(slots: Slots) -> Any:
        unknown = False
        for part in parts:
            value = part(slots)
            if value is decides:
                return decides
            if value is not (not decides):
                unknown = True
        return UNDEFINED if unknown else not decides

    return evaluated


def _choice(parts: list[Expression], scope: Scope) -> Evaluated | None:
    """An OR that says which texts one set of paths may have together, as SDKs write it to read a thousand items.

    They are looked up rather than compared one by one. None for any other OR.
    """
    if len(parts) < CHOICES_MIN:
        return None
    wanted = [_fixed_texts(part, scope) for part in parts]
    paths = sorted(wanted[0] or ())
    if not paths or any(fixed is None or sorted(fixed) != paths for fixed in wanted):
        return None
    texts = {tuple(fixed[path] for path in paths) for fixed in wanted if fixed}
    values = [_path(slot, list(steps)) for slot, steps in paths]
    general = _logical("OR", [compile_expression(part, scope) for part in parts])

    def chosen(slots: Slots) -> Any:
        found = tuple([value(slots) for value in values])
        return found in texts if all(isinstance(value, str) for value in found) else general(slots)

    return chosen


def _fixed_texts(node: Expression, scope: Scope) -> dict[tuple[int, tuple[str, ...]], str] | None:
    """The texts that paths must have by an AND of equalities, or by one; None if it says anything else."""
    fixed: dict[tuple[int, tuple[str, ...]], str] = {}
    for part in node.parts if isinstance(node, Logical) and node.operator == "AND" else [node]:
        if not isinstance(part, Binary) or part.operator != "=":
            return None
        path = path_of(part.left)
        if path is None or path[0] not in scope.slots or not all(isinstance(step, str) for step in path[1]):
            return None
        value = part.right.value if isinstance(part.right, Literal) else None
        if isinstance(part.right, Parameter):
            value = scope.parameters.get(part.right.name)
        place = (scope.slots[path[0]], tuple(map(str, path[1])))
        if not isinstance(value, str) or place in fixed:
            return None
        fixed[place] = value
    return fixed


def _in(node: In, scope: Scope) -> Evaluated:
    operand = compile_expression(node.operand, scope)
    choices = [compile_expression(choice, scope) for choice in node.choices]
    constants = all(isinstance(choice, (Literal, Parameter)) for choice in node.choices)
    texts = {value for choice in choices if isinstance(value := choice([]), str)} if constants else None
    if texts is not None and len(texts) < len(choices):
        texts = None

    def contained(slots: Slots) -> Any:
        value = operand(slots)
        if value is UNDEFINED:
            return UNDEFINED
        # A thousand ids are looked up rather than compared one by one.
        found = value in texts if texts is not None and isinstance(value, str) else _any_equal(value, choices, slots)
        return found is not node.negated

    return contained


def _any_equal(value: Any, choices: list[Evaluated], slots: Slots) -> bool:
    return any(equal(value, choice(slots)) for choice in choices)


def _like(node: Like, scope: Scope) -> Evaluated:
    operand, pattern = compile_expression(node.operand, scope), compile_expression(node.pattern, scope)
    compiled: dict[str, list[list[Callable[[str], bool]]]] = {}

    def matched(slots: Slots) -> Any:
        text, form = operand(slots), pattern(slots)
        if not isinstance(text, str) or not isinstance(form, str):
            return UNDEFINED
        if form not in compiled:
            compiled[form] = like_segments(form, node.escape)
        return like(text, compiled[form]) is not node.negated

    return matched


LIKE_PART = re.compile(r"\[(\^?)((?:[^\]])+)\]|(.)", re.DOTALL)


def like_segments(form: str, escape: str | None) -> list[list[Callable[[str], bool]]]:
    """The pieces between the % signs; each piece is a list of tests, one for each character."""
    segments: list[list[Callable[[str], bool]]] = [[]]
    position = 0
    while position < len(form):
        if escape and form[position] == escape and position + 1 < len(form):
            segments[-1].append(form[position + 1].__eq__)
            position += 2
            continue
        match = LIKE_PART.match(form, position)
        assert match is not None  # The last alternative takes any character.
        position = match.end()
        if match.group(3) is None:
            segments[-1].append(_character_class(match.group(2), bool(match.group(1))))
        elif match.group(3) == "%":
            segments.append([])
        elif match.group(3) == "_":
            segments[-1].append(lambda _: True)
        else:
            segments[-1].append(match.group(3).__eq__)
    return segments


def _character_class(content: str, negated: bool) -> Callable[[str], bool]:
    ranges = re.findall(r"(.)-(.)|(.)", content, re.DOTALL)
    spans = [(low or single, high or single) for low, high, single in ranges]
    return lambda letter: any(low <= letter <= high for low, high in spans) is not negated


def like(text: str, segments: list[list[Callable[[str], bool]]]) -> bool:
    """Whether the segments occur in this order, the first at the start and the last at the end of the text."""

    def fits(segment: list[Callable[[str], bool]], start: int) -> bool:
        return start + len(segment) <= len(text) and all(
            test(text[start + offset]) for offset, test in enumerate(segment)
        )

    first, last = segments[0], segments[-1]
    if len(segments) == 1:
        return len(text) == len(first) and fits(first, 0)
    if not fits(first, 0):
        return False
    position = len(first)
    # Taking each middle segment as early as possible never spoils a later one, so there is no need to go back.
    for segment in segments[1:-1]:
        while position <= len(text) - len(segment) and not fits(segment, position):
            position += 1
        if position > len(text) - len(segment):
            return False
        position += len(segment)
    end = len(text) - len(last)
    return end >= position and fits(last, end)


def _call(node: Call, scope: Scope) -> Evaluated:
    if node.name in AGGREGATES:
        return _aggregate(node, scope)
    if node.name in TIME_FUNCTIONS:
        moment = TIME_FUNCTIONS[node.name](scope.now)
        return lambda slots: moment
    found = FUNCTIONS.get(node.name)
    if found is None:
        message = f"'{node.name}' is not a recognized built-in function name."
        raise query_error("SC2005", message, node.start, node.end)
    function, fewest, most = found
    if not fewest <= len(node.arguments) <= most:
        message = f"The {node.name} function requires {fewest} argument(s)."
        raise query_error("SC2050", message, node.start, node.end)
    scope.functions.add(node.name)
    arguments = [compile_expression(argument, scope) for argument in node.arguments]
    if len(arguments) == 1:
        only = arguments[0]
        return lambda slots: function(only(slots))
    return lambda slots: function(*[argument(slots) for argument in arguments])


def _aggregate(node: Call, scope: Scope) -> Evaluated:
    if scope.aggregates is None:
        message = "Cannot perform an aggregate function on an expression containing an aggregate or a subquery."
        raise query_error("SC2102", message, node.start, node.end)
    if len(node.arguments) != 1:
        raise query_error("SC2050", f"The {node.name} function requires 1 argument(s).", node.start, node.end)
    collected, scope.aggregates = scope.aggregates, None
    argument = compile_expression(node.arguments[0], scope)
    scope.aggregates = collected
    slot = scope.new_slot()
    collected.append(Aggregate(node.name, argument, slot))
    return lambda slots: slots[slot]


def _subquery(node: Subquery, scope: Scope) -> Evaluated:
    # Imported here because running a query needs expressions, and an expression may hold a query.
    from local.cosmos.sql.run import compile_subquery

    scope.root.has_subquery = True
    rows: Callable[[Slots], Iterator[Any]] = compile_subquery(node.query, scope)
    if node.kind == "exists":
        return lambda slots: next(rows(slots), UNDEFINED) is not UNDEFINED
    if node.kind in ("array", "rows"):
        return lambda slots: list(rows(slots))
    return lambda slots: next(rows(slots), UNDEFINED)


def compile_select_names(query: Select) -> list[str]:
    """The property names of SELECT's columns: the alias, else the last name of the path, else $1, $2 ..."""
    names, unnamed = [], 0
    for column in query.columns:
        name = column.alias
        node = column.expression
        if name is None and isinstance(node, Name):
            name = node.name
        if name is None and isinstance(node, Member) and isinstance(node.key, Literal):
            name = node.key.value if isinstance(node.key.value, str) else None
        if name is None:
            unnamed += 1
            name = f"${unnamed}"
        names.append(name)
    return names
