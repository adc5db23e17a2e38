"""JSON patch as Cosmos DB has it: add, set, replace, remove, incr and move, at most ten at a time."""

import copy
from typing import Any

from local.cosmos.sql.values import is_number
from local.cosmos.wire import CosmosError

OPERATIONS_MAX = 10
SYSTEM_PROPERTIES = ("_rid", "_self", "_etag", "_attachments", "_ts")


def apply_patch(item: dict[str, Any], operations: Any, key_paths: list[tuple[str, ...]]) -> dict[str, Any]:
    """The patched item; the one given is left as it is. A path that cannot be followed is a 400."""
    if not isinstance(operations, list) or not operations:
        raise CosmosError(400, "Patch request has no operations.")
    if len(operations) > OPERATIONS_MAX:
        raise CosmosError(400, f"The number of patch operations can't exceed '{OPERATIONS_MAX}'.")
    patched = copy.deepcopy(item)
    for operation in operations:
        if not isinstance(operation, dict):
            raise CosmosError(400, "The patch operation is invalid.")
        _apply(patched, operation, key_paths)
    return patched


def _apply(item: dict[str, Any], operation: dict[str, Any], key_paths: list[tuple[str, ...]]) -> None:
    kind = str(operation.get("op", "")).lower()
    path = _steps(operation.get("path"), key_paths)
    if kind in ("add", "set", "replace", "incr") and "value" not in operation:
        raise CosmosError(400, f"The patch operation '{kind}' needs a value.")
    value = copy.deepcopy(operation.get("value"))
    if kind == "add":
        _put(item, path, value, insert=True)
    elif kind == "set":
        _put(item, path, value, insert=False)
    elif kind == "replace":
        _take(item, path, "replace", remove=False)
        _put(item, path, value, insert=False)
    elif kind == "remove":
        _take(item, path, "remove", remove=True)
    elif kind == "incr":
        _increment(item, path, value)
    elif kind == "move":
        source = _steps(operation.get("from"), key_paths)
        if path[: len(source)] == source:
            raise CosmosError(400, "The 'from' path of a move may not contain its target.")
        _put(item, path, _take(item, source, "move", remove=True), insert=True)
    else:
        raise CosmosError(400, f"The patch operation '{operation.get('op')}' is not supported.")


def _steps(path: Any, key_paths: list[tuple[str, ...]]) -> list[str]:
    if not isinstance(path, str) or not path.startswith("/") or path == "/":
        raise CosmosError(400, f"The patch path '{path}' is invalid.")
    steps = [step.replace("~1", "/").replace("~0", "~") for step in path[1:].split("/")]
    if steps[0] == "id" or steps[0] in SYSTEM_PROPERTIES:
        raise CosmosError(400, f"Cannot patch system property '{path}'.")
    if any(tuple(steps) == key_path[: len(steps)] for key_path in key_paths):
        raise CosmosError(400, f"Cannot patch partition key path '{path}'.")
    return steps


def _missing(kind: str, path: list[str]) -> CosmosError:
    return CosmosError(400, f"For Operation({kind}): Path '/{'/'.join(path)}' does not exist.")


def _parent(item: dict[str, Any], path: list[str], kind: str) -> Any:
    parent: Any = item
    for step in path[:-1]:
        if isinstance(parent, dict) and step in parent:
            parent = parent[step]
        elif isinstance(parent, list) and _index(step, len(parent) - 1) is not None:
            parent = parent[int(step)]
        else:
            raise _missing(kind, path)
    if not isinstance(parent, (dict, list)):
        raise _missing(kind, path)
    return parent


def _index(step: str, highest: int) -> int | None:
    if not step.isascii() or not step.isdigit() or len(step) > 9 or int(step) > highest:
        return None
    return int(step)


def _put(item: dict[str, Any], path: list[str], value: Any, insert: bool) -> None:
    parent, last = _parent(item, path, "add" if insert else "set"), path[-1]
    if isinstance(parent, dict):
        parent[last] = value
        return
    if last == "-":
        parent.append(value)
        return
    index = _index(last, len(parent))
    if index is None:
        raise _missing("add" if insert else "set", path)
    if insert or index == len(parent):
        parent.insert(index, value)
    else:
        parent[index] = value


def _take(item: dict[str, Any], path: list[str], kind: str, remove: bool) -> Any:
    parent, last = _parent(item, path, kind), path[-1]
    place: Any = last
    if isinstance(parent, list):
        place = _index(last, len(parent) - 1)
    if place is None or (isinstance(parent, dict) and place not in parent):
        raise _missing(kind, path)
    return parent.pop(place) if remove else parent[place]


def _increment(item: dict[str, Any], path: list[str], value: Any) -> None:
    parent, last = _parent(item, path, "incr"), path[-1]
    if not is_number(value):
        raise CosmosError(400, "The value of an 'incr' operation must be a number.")
    if isinstance(parent, dict) and last not in parent:
        parent[last] = value
        return
    present = _take(item, path, "incr", remove=False)
    if not is_number(present):
        raise CosmosError(400, f"Cannot increment '/{'/'.join(path)}', which is no number.")
    place: Any = int(last) if isinstance(parent, list) else last
    parent[place] = present + value
