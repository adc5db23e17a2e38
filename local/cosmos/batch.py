"""Transactional batch: up to a hundred operations on one logical partition, all or none."""

import json
from typing import Any

from local.cosmos import items
from local.cosmos.items import Conditions, Outcome, Place
from local.cosmos.partition_key import key_from_header
from local.cosmos.store import Container, Store, Transaction
from local.cosmos.wire import Answer, CosmosError, Request, loads

OPERATIONS_MAX = 100
BATCH_BYTES_MAX = 2 * 1024 * 1024


class _Failed(Exception):
    """Undoes the transaction; the operation at this place failed for this reason."""

    def __init__(self, place: int, error: CosmosError) -> None:
        super().__init__(error.message)
        self.place = place
        self.error = error


def run_batch(store: Store, place: Place, request: Request, now: float) -> Answer:
    """Apply all operations under one lsn and answer 200; or none, answer 207, and blame the one that failed."""
    operations = _operations(request.body)
    outcomes: list[Outcome] = []
    try:
        with store.write(now) as transaction:
            for index, operation in enumerate(operations):
                try:
                    outcomes.append(_run_operation(transaction, place, operation))
                except CosmosError as error:
                    raise _Failed(index, error) from None
    except _Failed as failed:
        return _failure(operations, failed)
    results = [_result(operation, outcome, request) for operation, outcome in zip(operations, outcomes, strict=True)]
    charge = round(sum(outcome.charge for outcome in outcomes), 2)
    return Answer(200, b"[" + b",".join(results) + b"]", charge=charge, batch=_log(operations, outcomes))


def run_bulk(store: Store, container: Container, request: Request, now: float) -> Answer:
    """Operations that only travel together: each has its own partition key and succeeds or fails for itself."""
    results, log, charge = [], [], 0.0
    operations = _operations(request.body)
    for operation in operations:
        try:
            header = operation.get("partitionKey")
            key = key_from_header(header if isinstance(header, str) else json.dumps(header))
            place = items.place_of(container, key, None)
            with store.write(now) as transaction:
                outcome = _run_operation(transaction, place, operation)
        except CosmosError as error:
            results.append(json.dumps({"statusCode": error.status, "requestCharge": 1.0}).encode())
            log.append(_entry(operation, error.status))
            continue
        results.append(_result(operation, outcome, request))
        log.append(_entry(operation, outcome.status))
        charge += outcome.charge
    status = 200 if all(entry["status"] < 400 for entry in log) else 207
    return Answer(status, b"[" + b",".join(results) + b"]", charge=round(charge, 2), batch=log)


def _operations(raw: bytes) -> list[dict[str, Any]]:
    if len(raw) > BATCH_BYTES_MAX:
        raise CosmosError(413, items.TOO_LARGE)
    operations = loads(raw)
    if not isinstance(operations, list) or not all(isinstance(operation, dict) for operation in operations):
        raise CosmosError(400, "The batch request is invalid.")
    if not operations:
        raise CosmosError(400, "Batch request has no operations.")
    if len(operations) > OPERATIONS_MAX:
        raise CosmosError(400, "Batch request has more operations than what is supported.")
    return operations


def _run_operation(tx: Transaction, place: Place, operation: dict[str, Any]) -> Outcome:
    kind = operation.get("operationType")
    conditions = Conditions(operation.get("ifMatch"), operation.get("ifNoneMatch"))
    body: Any = operation.get("resourceBody")
    if kind in ("Create", "Upsert", "Replace") and not isinstance(body, dict):
        raise CosmosError(400, f"The batch operation {kind} needs a resourceBody.")
    if kind in ("Create", "Upsert", "Replace"):
        items.check_key(place, body)
    if kind == "Create":
        return items.create(tx, place, body)
    if kind == "Upsert":
        return items.upsert(tx, place, body, conditions)
    item_id = items.check_id(operation.get("id"))
    if kind == "Read":
        return items.read(tx, place, item_id, conditions)
    if kind == "Replace":
        return items.replace(tx, place, item_id, body, conditions)
    if kind == "Delete":
        return items.delete(tx, place, item_id, conditions)
    if kind == "Patch":
        return items.patch(tx, place, item_id, body, conditions)
    raise CosmosError(400, f"The batch operation type '{kind}' is not supported.")


def _result(operation: dict[str, Any], outcome: Outcome, request: Request) -> bytes:
    head = f'{{"statusCode":{outcome.status},"requestCharge":{outcome.charge}'
    if outcome.item is None:
        return head.encode() + b"}"
    # The quotes are part of an etag.
    head += ',"eTag":"' + outcome.item.etag.replace('"', '\\"') + '"'
    if request.wants_minimal and operation["operationType"] != "Read":
        return head.encode() + b"}"
    return head.encode() + b',"resourceBody":' + outcome.item.body + b"}"


def _failure(operations: list[dict[str, Any]], failed: _Failed) -> Answer:
    results, log = [], []
    for index, operation in enumerate(operations):
        is_culprit = index == failed.place
        status = failed.error.status if is_culprit else 424
        result: dict[str, Any] = {"statusCode": status, "requestCharge": 1.0 if is_culprit else 0.0}
        if is_culprit and failed.error.substatus is not None:
            result["subStatusCode"] = failed.error.substatus
        results.append(result)
        log.append(_entry(operation, status))
    return Answer(207, json.dumps(results).encode(), charge=1.0, batch=log)


def _log(operations: list[dict[str, Any]], outcomes: list[Outcome]) -> list[dict[str, Any]]:
    return [_entry(operation, outcome.status) for operation, outcome in zip(operations, outcomes, strict=True)]


def _entry(operation: dict[str, Any], status: int) -> dict[str, Any]:
    body = operation.get("resourceBody")
    item_id = operation.get("id") or (body.get("id") if isinstance(body, dict) else None)
    return {"op": operation.get("operationType"), "id": item_id, "status": status}
