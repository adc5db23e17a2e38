"""The built-in functions of the query language. Each takes values (undefined included) and returns one."""

import json
import math
import re
import signal
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from local.cosmos.sql.values import UNDEFINED, canonical, equal, is_number, number, sort_key
from local.cosmos.wire import CosmosError

# Strings grow no further than this by REPLICATE and the like; the service stops there too.
STRING_MAX = 10_000
PATTERN_SECONDS_MAX = 2.0
INTEGER_MAX = 1 << 53


def of_strings(function: Callable[..., Any]) -> Callable[..., Any]:
    """Undefined unless every argument is a string."""

    def checked(*values: Any) -> Any:
        return function(*values) if all(isinstance(value, str) for value in values) else UNDEFINED

    return checked


def of_numbers(function: Callable[..., Any]) -> Callable[..., Any]:
    """Undefined unless every argument is a number and the result a finite one."""

    def checked(*values: Any) -> Any:
        if not all(map(is_number, values)):
            return UNDEFINED
        try:
            return number(function(*values))
        except (ValueError, OverflowError, ZeroDivisionError):
            return UNDEFINED

    return checked


def of_array(function: Callable[..., Any]) -> Callable[..., Any]:
    """Undefined unless the first argument is an array."""

    def checked(array: Any, *values: Any) -> Any:
        return function(array, *values) if isinstance(array, list) else UNDEFINED

    return checked


def tests(check: Callable[[Any], bool]) -> Callable[[Any], Any]:
    return lambda value: check(value)


def folded(compare: Callable[[str, str], bool]) -> Callable[..., Any]:
    """A comparison of two strings with the optional third argument that makes it blind to case."""

    def checked(text: Any, part: Any, ignore_case: Any = False) -> Any:
        if not isinstance(text, str) or not isinstance(part, str) or not isinstance(ignore_case, bool):
            return UNDEFINED
        return compare(text.lower(), part.lower()) if ignore_case else compare(text, part)

    return checked


def integer(value: Any) -> int | None:
    """The value as a whole number of bearable size, or None."""
    if not is_number(value) or abs(value) > INTEGER_MAX or value != int(value):
        return None
    return int(value)


def substring(text: Any, start: Any, length: Any = INTEGER_MAX) -> Any:
    first, count = integer(start), integer(length)
    if not isinstance(text, str) or first is None or count is None:
        return UNDEFINED
    return text[max(first, 0) : max(first, 0) + max(count, 0)]


def left(text: Any, count: Any) -> Any:
    return substring(text, 0, count)


def right(text: Any, count: Any) -> Any:
    length = integer(count)
    if not isinstance(text, str) or length is None:
        return UNDEFINED
    return text[-length:] if length > 0 else ""


def index_of(text: Any, part: Any, start: Any = 0) -> Any:
    first = integer(start)
    if not isinstance(text, str) or not isinstance(part, str) or first is None:
        return UNDEFINED
    return text.find(part, max(first, 0))


def replicate(text: Any, times: Any) -> Any:
    count = integer(times)
    if not isinstance(text, str) or count is None or count < 0 or len(text) * count > STRING_MAX:
        return UNDEFINED
    return text * count


def concat(*texts: Any) -> Any:
    return "".join(texts) if all(isinstance(text, str) for text in texts) else UNDEFINED


def to_string(value: Any) -> Any:
    if value is UNDEFINED or isinstance(value, str):
        return value
    if isinstance(value, (list, dict)):
        return canonical(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(number(value))


def string_to(kinds: tuple[type, ...]) -> Callable[[Any], Any]:
    """Reads JSON from a string and keeps it if it is of one of these types."""

    def parsed(text: Any) -> Any:
        if not isinstance(text, str):
            return UNDEFINED
        try:
            value = json.loads(text.strip(), parse_constant=lambda _: UNDEFINED)
        except (ValueError, RecursionError):
            return UNDEFINED
        if isinstance(value, bool) and bool not in kinds:
            return UNDEFINED
        return value if isinstance(value, kinds) else UNDEFINED

    return parsed


def regex_match(text: Any, pattern: Any, modifiers: Any = "") -> Any:
    if not all(isinstance(value, str) for value in (text, pattern, modifiers)):
        return UNDEFINED
    flags = 0
    for letter in modifiers:
        if letter not in "imsx":
            return UNDEFINED
        flags |= {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL, "x": re.VERBOSE}[letter]
    try:
        return _searched(pattern, text, flags)
    except (re.error, RecursionError, OverflowError):
        return UNDEFINED


def _searched(pattern: str, text: str, flags: int) -> bool:
    """Whether the pattern occurs. One that would be tried for ever is broken off, for which a signal is needed."""
    if threading.current_thread() is not threading.main_thread():
        return re.search(pattern, text, flags) is not None
    previous = signal.signal(signal.SIGALRM, _break_off)
    before = signal.setitimer(signal.ITIMER_REAL, PATTERN_SECONDS_MAX)
    try:
        return re.search(pattern, text, flags) is not None
    finally:
        signal.signal(signal.SIGALRM, previous)
        signal.setitimer(signal.ITIMER_REAL, *before)


def _break_off(number: int, frame: Any) -> None:
    raise CosmosError(408, "The pattern of RegexMatch takes too long on one of the texts.")


def is_part_of(candidate: Any, value: Any, partial: bool) -> bool:
    """Whether `candidate` equals `value`, or as a partial match an object in it has at least these properties."""
    if partial and isinstance(candidate, dict) and isinstance(value, dict):
        return all(name in value and equal(part, value[name]) for name, part in candidate.items())
    return equal(candidate, value)


def array_contains(array: Any, candidate: Any, partial: Any = False) -> Any:
    if not isinstance(array, list) or candidate is UNDEFINED:
        return UNDEFINED
    return any(is_part_of(candidate, value, partial is True) for value in array)


def array_contains_any(array: Any, *candidates: Any) -> Any:
    choices = candidates[0] if len(candidates) == 1 and isinstance(candidates[0], list) else candidates
    return any(array_contains(array, choice) is True for choice in choices) if isinstance(array, list) else UNDEFINED


def array_contains_all(array: Any, *candidates: Any) -> Any:
    choices = candidates[0] if len(candidates) == 1 and isinstance(candidates[0], list) else candidates
    return all(array_contains(array, choice) is True for choice in choices) if isinstance(array, list) else UNDEFINED


def array_slice(array: Any, start: Any, length: Any = INTEGER_MAX) -> Any:
    first, count = integer(start), integer(length)
    if not isinstance(array, list) or first is None or count is None:
        return UNDEFINED
    first = max(first + len(array), 0) if first < 0 else first
    return array[first : first + max(count, 0)]


def array_concat(*arrays: Any) -> Any:
    if not all(isinstance(array, list) for array in arrays):
        return UNDEFINED
    return [value for array in arrays for value in array]


def unique(values: list[Any]) -> list[Any]:
    first: dict[str, Any] = {}
    for value in values:
        first.setdefault(canonical(value), value)
    return list(first.values())


def set_intersect(first: Any, second: Any) -> Any:
    if not isinstance(first, list) or not isinstance(second, list):
        return UNDEFINED
    kept = {canonical(value) for value in second}
    return [value for value in unique(first) if canonical(value) in kept]


def set_union(first: Any, second: Any) -> Any:
    if not isinstance(first, list) or not isinstance(second, list):
        return UNDEFINED
    return unique(first + second)


def choose(index: Any, *values: Any) -> Any:
    place = integer(index)
    return values[place - 1] if place is not None and 1 <= place <= len(values) else UNDEFINED


def object_to_array(value: Any, name: Any = "k", content: Any = "v") -> Any:
    if not isinstance(value, dict) or not isinstance(name, str) or not isinstance(content, str):
        return UNDEFINED
    return [{name: key, content: part} for key, part in value.items()]


def int_function(combine: Callable[[int, int], int]) -> Callable[..., Any]:
    """Arithmetic on 64-bit whole numbers."""

    def checked(first: Any, second: Any) -> Any:
        a, b = integer(first), integer(second)
        if a is None or b is None:
            return UNDEFINED
        try:
            result = combine(a, b)
        except (ZeroDivisionError, ValueError):
            return UNDEFINED
        return (result + (1 << 63)) % (1 << 64) - (1 << 63)

    return checked


def truncated_division(a: int, b: int) -> int:
    quotient = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


def rounded(value: float, digits: float = 0) -> float:
    # Halves go away from zero, where Python's own round goes to the even neighbour.
    scale = 10 ** max(min(int(digits), 20), -20)
    return math.copysign(math.floor(abs(value) * scale + 0.5) / scale, value)


# -- dates: ISO 8601 in UTC with seven decimals, and .NET ticks ---------------------------------------------------

DATE_FORM = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,7}))?)?Z?\Z")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TICKS_PER_SECOND = 10_000_000
EPOCH_TICKS = 621_355_968_000_000_000
PART_TICKS = {
    "day": 86_400 * TICKS_PER_SECOND, "dd": 86_400 * TICKS_PER_SECOND, "d": 86_400 * TICKS_PER_SECOND,
    "hour": 3600 * TICKS_PER_SECOND, "hh": 3600 * TICKS_PER_SECOND,
    "minute": 60 * TICKS_PER_SECOND, "mi": 60 * TICKS_PER_SECOND, "n": 60 * TICKS_PER_SECOND,
    "second": TICKS_PER_SECOND, "ss": TICKS_PER_SECOND, "s": TICKS_PER_SECOND,
    "millisecond": 10_000, "ms": 10_000, "microsecond": 10, "mcs": 10, "nanosecond": 0.01, "ns": 0.01,
}  # fmt: skip
MONTH_PARTS = {"year": 12, "yyyy": 12, "yy": 12, "month": 1, "mm": 1, "m": 1}


def ticks_of(text: Any) -> int | None:
    """Ticks of 100 ns since 1970 of an ISO date, or None."""
    match = DATE_FORM.match(text) if isinstance(text, str) else None
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    try:
        instant = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    fraction = int((match.group(7) or "").ljust(7, "0")) if match.group(7) else 0
    return round((instant - EPOCH).total_seconds()) * TICKS_PER_SECOND + fraction


def date_text(ticks: int) -> Any:
    seconds, fraction = divmod(ticks, TICKS_PER_SECOND)
    try:
        instant = EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        return UNDEFINED
    return f"{instant:%Y-%m-%dT%H:%M:%S}.{fraction:07d}Z" if instant.year >= 1000 else UNDEFINED


def date_time_add(part: Any, amount: Any, text: Any) -> Any:
    ticks, count = ticks_of(text), integer(amount)
    if ticks is None or count is None or not isinstance(part, str):
        return UNDEFINED
    if part.lower() in PART_TICKS:
        return date_text(ticks + int(count * PART_TICKS[part.lower()]))
    if part.lower() not in MONTH_PARTS:
        return UNDEFINED
    day = EPOCH + timedelta(seconds=ticks // TICKS_PER_SECOND)
    months = day.year * 12 + day.month - 1 + count * MONTH_PARTS[part.lower()]
    if not 12 <= months < 120_000:
        return UNDEFINED
    year, month = months // 12, months % 12 + 1
    last_day = 31
    while True:
        try:
            moved = day.replace(year=year, month=month, day=min(day.day, last_day))
            break
        except ValueError:
            last_day -= 1
    return date_text(round((moved - EPOCH).total_seconds()) * TICKS_PER_SECOND + ticks % TICKS_PER_SECOND)


def date_time_diff(part: Any, start: Any, end: Any) -> Any:
    first, last = ticks_of(start), ticks_of(end)
    if first is None or last is None or not isinstance(part, str):
        return UNDEFINED
    if part.lower() in PART_TICKS:
        size = PART_TICKS[part.lower()]
        return number(math.floor(last / size) - math.floor(first / size))
    if part.lower() not in MONTH_PARTS:
        return UNDEFINED
    months = [(moment.year * 12 + moment.month - 1) // MONTH_PARTS[part.lower()] for moment in _moments(first, last)]
    return months[1] - months[0]


def _moments(*ticks: int) -> list[datetime]:
    return [EPOCH + timedelta(seconds=value // TICKS_PER_SECOND) for value in ticks]


def date_time_part(part: Any, text: Any) -> Any:
    ticks = ticks_of(text)
    if ticks is None or not isinstance(part, str):
        return UNDEFINED
    (moment,) = _moments(ticks)
    fraction = ticks % TICKS_PER_SECOND
    choices = {
        ("year", "yyyy", "yy"): moment.year, ("month", "mm", "m"): moment.month, ("day", "dd", "d"): moment.day,
        ("weekday", "dw", "w"): moment.isoweekday() % 7 + 1, ("hour", "hh"): moment.hour,
        ("minute", "mi", "n"): moment.minute, ("second", "ss", "s"): moment.second,
        ("millisecond", "ms"): fraction // 10_000, ("microsecond", "mcs"): fraction // 10,
        ("nanosecond", "ns"): fraction * 100,
    }  # fmt: skip
    return next((value for names, value in choices.items() if part.lower() in names), UNDEFINED)


def date_time_to_ticks(text: Any) -> Any:
    ticks = ticks_of(text)
    return UNDEFINED if ticks is None else ticks + EPOCH_TICKS


def date_time_to_timestamp(text: Any) -> Any:
    ticks = ticks_of(text)
    return UNDEFINED if ticks is None else ticks // 10_000


def ticks_to_date_time(ticks: Any) -> Any:
    return UNDEFINED if not is_number(ticks) else date_text(int(ticks) - EPOCH_TICKS)


def timestamp_to_date_time(milliseconds: Any) -> Any:
    return UNDEFINED if not is_number(milliseconds) else date_text(int(milliseconds) * 10_000)


FUNCTIONS: dict[str, tuple[Callable[..., Any], int, int]] = {
    # name: (function, fewest arguments, most arguments)
    "IS_DEFINED": (tests(lambda v: v is not UNDEFINED), 1, 1),
    "IS_NULL": (tests(lambda v: v is None), 1, 1),
    "IS_BOOL": (tests(lambda v: isinstance(v, bool)), 1, 1),
    "IS_NUMBER": (tests(is_number), 1, 1),
    "IS_INTEGER": (tests(lambda v: integer(v) is not None), 1, 1),
    "IS_FINITE_NUMBER": (tests(is_number), 1, 1),
    "IS_STRING": (tests(lambda v: isinstance(v, str)), 1, 1),
    "IS_ARRAY": (tests(lambda v: isinstance(v, list)), 1, 1),
    "IS_OBJECT": (tests(lambda v: isinstance(v, dict)), 1, 1),
    "IS_PRIMITIVE": (tests(lambda v: v is not UNDEFINED and not isinstance(v, (list, dict))), 1, 1),
    "IIF": (lambda condition, if_true, if_false: if_true if condition is True else if_false, 3, 3),
    "CHOOSE": (choose, 2, 255),
    "ABS": (of_numbers(abs), 1, 1),
    "CEILING": (of_numbers(math.ceil), 1, 1),
    "FLOOR": (of_numbers(math.floor), 1, 1),
    "ROUND": (of_numbers(rounded), 1, 2),
    "TRUNC": (of_numbers(math.trunc), 1, 1),
    "SIGN": (of_numbers(lambda v: (v > 0) - (v < 0)), 1, 1),
    "SQRT": (of_numbers(math.sqrt), 1, 1),
    "SQUARE": (of_numbers(lambda v: v * v), 1, 1),
    "POWER": (of_numbers(lambda base, exponent: math.pow(base, exponent)), 2, 2),
    "EXP": (of_numbers(math.exp), 1, 1),
    "LOG": (of_numbers(lambda v, *base: math.log(v, *base)), 1, 2),
    "LOG10": (of_numbers(math.log10), 1, 1),
    "PI": (lambda: math.pi, 0, 0),
    "SIN": (of_numbers(math.sin), 1, 1),
    "COS": (of_numbers(math.cos), 1, 1),
    "TAN": (of_numbers(math.tan), 1, 1),
    "COT": (of_numbers(lambda v: 1 / math.tan(v)), 1, 1),
    "ASIN": (of_numbers(math.asin), 1, 1),
    "ACOS": (of_numbers(math.acos), 1, 1),
    "ATAN": (of_numbers(math.atan), 1, 1),
    "ATN2": (of_numbers(math.atan2), 2, 2),
    "DEGREES": (of_numbers(math.degrees), 1, 1),
    "RADIANS": (of_numbers(math.radians), 1, 1),
    "NUMBERBIN": (of_numbers(lambda v, size=1: math.floor(v / size) * size), 1, 2),
    "INTADD": (int_function(lambda a, b: a + b), 2, 2),
    "INTSUB": (int_function(lambda a, b: a - b), 2, 2),
    "INTMUL": (int_function(lambda a, b: a * b), 2, 2),
    "INTDIV": (int_function(truncated_division), 2, 2),
    "INTMOD": (int_function(lambda a, b: a - b * truncated_division(a, b)), 2, 2),
    "INTBITAND": (int_function(lambda a, b: a & b), 2, 2),
    "INTBITOR": (int_function(lambda a, b: a | b), 2, 2),
    "INTBITXOR": (int_function(lambda a, b: a ^ b), 2, 2),
    "INTBITLEFTSHIFT": (int_function(lambda a, b: a << (b & 63)), 2, 2),
    "INTBITRIGHTSHIFT": (int_function(lambda a, b: a >> (b & 63)), 2, 2),
    "CONCAT": (concat, 2, 255),
    "CONTAINS": (folded(lambda text, part: part in text), 2, 3),
    "STARTSWITH": (folded(str.startswith), 2, 3),
    "ENDSWITH": (folded(str.endswith), 2, 3),
    "STRINGEQUALS": (folded(str.__eq__), 2, 3),
    "INDEX_OF": (index_of, 2, 3),
    "LEFT": (left, 2, 2),
    "RIGHT": (right, 2, 2),
    "LENGTH": (of_strings(len), 1, 1),
    "LOWER": (of_strings(str.lower), 1, 1),
    "UPPER": (of_strings(str.upper), 1, 1),
    "LTRIM": (of_strings(str.lstrip), 1, 2),
    "RTRIM": (of_strings(str.rstrip), 1, 2),
    "TRIM": (of_strings(str.strip), 1, 2),
    "REPLACE": (of_strings(lambda text, old, new: text.replace(old, new)[: STRING_MAX * 10] if old else text), 3, 3),
    "REPLICATE": (replicate, 2, 2),
    "REVERSE": (of_strings(lambda text: text[::-1]), 1, 1),
    "SUBSTRING": (substring, 2, 3),
    "TOSTRING": (to_string, 1, 1),
    "STRINGTOARRAY": (string_to((list,)), 1, 1),
    "STRINGTOBOOLEAN": (string_to((bool,)), 1, 1),
    "STRINGTONULL": (string_to((type(None),)), 1, 1),
    "STRINGTONUMBER": (string_to((int, float)), 1, 1),
    "STRINGTOOBJECT": (string_to((dict,)), 1, 1),
    "STRINGSPLIT": (of_strings(lambda text, by: text.split(by) if by else UNDEFINED), 2, 2),
    "STRINGJOIN": (lambda parts, by: by.join(parts) if isinstance(by, str) and isinstance(parts, list)
                   and all(isinstance(part, str) for part in parts) else UNDEFINED, 2, 2),
    "REGEXMATCH": (regex_match, 2, 3),
    "ARRAY_CONTAINS": (array_contains, 2, 3),
    "ARRAY_CONTAINS_ANY": (array_contains_any, 2, 255),
    "ARRAY_CONTAINS_ALL": (array_contains_all, 2, 255),
    "ARRAY_CONCAT": (array_concat, 2, 255),
    "ARRAY_LENGTH": (of_array(len), 1, 1),
    "ARRAY_SLICE": (array_slice, 2, 3),
    "ARRAY_MIN": (of_array(lambda array: min(array, key=sort_key) if array else UNDEFINED), 1, 1),
    "ARRAY_MAX": (of_array(lambda array: max(array, key=sort_key) if array else UNDEFINED), 1, 1),
    "SETINTERSECT": (set_intersect, 2, 2),
    "SETUNION": (set_union, 2, 2),
    "SETDIFFERENCE": (lambda a, b: [v for v in unique(a) if canonical(v) not in set(map(canonical, b))]
                      if isinstance(a, list) and isinstance(b, list) else UNDEFINED, 2, 2),
    "OBJECTTOARRAY": (object_to_array, 1, 3),
    "DATETIMEADD": (date_time_add, 3, 3),
    "DATETIMEDIFF": (date_time_diff, 3, 3),
    "DATETIMEPART": (date_time_part, 2, 2),
    "DATETIMETOTICKS": (date_time_to_ticks, 1, 1),
    "DATETIMETOTIMESTAMP": (date_time_to_timestamp, 1, 1),
    "TICKSTODATETIME": (ticks_to_date_time, 1, 1),
    "TIMESTAMPTODATETIME": (timestamp_to_date_time, 1, 1),
}  # fmt: skip

# These tell the endpoint's time, so they are given it: seconds since 1970.
TIME_FUNCTIONS: dict[str, Callable[[float], Any]] = {
    f"GETCURRENT{name}{static}": function
    for static in ("", "STATIC")
    for name, function in {
        "DATETIME": lambda now: date_text(int(now * TICKS_PER_SECOND)),
        "TIMESTAMP": lambda now: int(now * 1000),
        "TICKS": lambda now: int(now * TICKS_PER_SECOND) + EPOCH_TICKS,
    }.items()
}
