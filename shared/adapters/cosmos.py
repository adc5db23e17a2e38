"""The only place that talks to Cosmos DB, and the only place that retries a write.

The write rule: only `create` with a deterministic id, `replace` with If-Match and batches of them, each carrying an
`op_id`. After an unknown outcome the item is read back and its `op_id` compared: the SDK may report an applied write
as failed (408, 500, resets) and may send a write twice, so neither its error nor its success is taken at its word.
"""

from __future__ import annotations

import asyncio
import random
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, TypeVar

from shared import telemetry
from shared.domain.errors import NotFound, OutcomeUnknown, PledgeError, RecordChanged, Unavailable

if TYPE_CHECKING:
    from azure.cosmos.aio import ContainerProxy, CosmosClient, DatabaseProxy

Item = dict[str, Any]
Result = TypeVar("Result")

TRIES = 6
RETRIED = (429, 449, 503)
CONFLICTS = (409, 412)
SESSIONS_KEPT = 2_000
SUPERSEDED = '"superseded"'
READ_SESSION_NOT_AVAILABLE = 1002
CHARGE = "x-ms-request-charge"


class AlreadyStored(PledgeError):
    """An item with this id is there already, and it is not ours. `item_id` is the first such id of a batch."""

    def __init__(self, item_id: str) -> None:
        super().__init__(item_id)
        self.item_id = item_id


@dataclass(frozen=True)
class Create:
    """Create `item`; its id must not exist."""

    item: Item


@dataclass(frozen=True)
class Replace:
    """Replace `item` if its stored version still is `etag`; `etag` None is for items guarded by another one's."""

    item: Item
    etag: str | None


@dataclass(frozen=True)
class Patch:
    """Set values inside an item. Safe to repeat, and only in a batch whose first operation is guarded."""

    item_id: str
    operations: list[dict[str, Any]]


Operation = Create | Replace | Patch


class _Unknown(Exception):
    """The service did not say whether the write was applied."""


class _Retry(Exception):
    """Certainly not applied; try again."""

    def __init__(self, status: int | None) -> None:
        super().__init__(status)
        self.status = status


class _Conflict(Exception):
    def __init__(self, status: int, index: int) -> None:
        super().__init__(status)
        self.status = status
        self.index = index


class Store:
    """Items by container. Every method raises `Unavailable` when the time budget is spent without an answer."""

    def __init__(self, client: CosmosClient, database: str, budget_seconds: float = 20.0) -> None:
        self._client = client
        self._database: DatabaseProxy = client.get_database_client(database)
        self._containers: dict[str, ContainerProxy] = {}
        self._budget = budget_seconds
        self._sessions: OrderedDict[tuple[str, str], str] = OrderedDict()

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    def _container(self, name: str) -> ContainerProxy:
        if name not in self._containers:
            self._containers[name] = self._database.get_container_client(name)
        return self._containers[name]

    async def read(self, container: str, item_id: str, partition_key: str) -> Item | None:
        """One point read; None if there is no such item."""
        from azure.cosmos.exceptions import CosmosResourceNotFoundError

        token = self._sessions.get((container, partition_key))
        options: dict[str, Any] = {"session_token": token} if token else {}
        options["response_hook"] = _noting(container, "read")

        async def once() -> Item | None:
            try:
                return dict(await self._container(container).read_item(item_id, partition_key=partition_key, **options))
            except CosmosResourceNotFoundError as error:
                if error.sub_status == READ_SESSION_NOT_AVAILABLE:
                    raise  # This replica has not seen our own write yet: not "there is none", but "ask again".
                telemetry.note_call(container, "read", _units(error.headers))
                return None

        with telemetry.span("store.read", container=container):
            return await self._reading(once)

    async def time(self, container: str) -> datetime | None:
        """What time it is for the store: its answer to a look at what is never there carries it."""
        from azure.cosmos.exceptions import CosmosResourceNotFoundError

        async def once() -> datetime | None:
            try:
                await self._container(container).read_item("time", partition_key="time")
            except CosmosResourceNotFoundError as error:
                stated = (error.headers or {}).get("Date")
                return parsedate_to_datetime(stated) if stated else None
            return None

        return await self._reading(once)

    async def query(
        self, container: str, text: str, parameters: dict[str, Any], partition_key: str | None = None
    ) -> list[Item]:
        """All rows of a query. The text bounds them (`TOP`), pages go on by key: there are no continuations."""
        values: list[dict[str, object]] = [{"name": f"@{name}", "value": value} for name, value in parameters.items()]
        scope: dict[str, Any] = {"partition_key": partition_key} if partition_key is not None else {}

        async def once() -> list[Item]:
            rows = self._container(container).query_items(
                text, parameters=values, max_item_count=1000, response_hook=_noting(container, "query"), **scope
            )
            return [row async for row in rows]

        with telemetry.span("store.query", container=container):
            return await self._reading(once)

    async def page(
        self, container: str, text: str, parameters: dict[str, Any], continuation: str | None, most: int = 200
    ) -> tuple[list[Item], str | None]:
        """One page of a query over all partitions that has no ORDER BY, and where the next one begins (None: nowhere).

        With an ORDER BY the SDK knows no continuation: such queries are paged by key.
        """
        values: list[dict[str, object]] = [{"name": f"@{name}", "value": value} for name, value in parameters.items()]

        async def once() -> tuple[list[Item], str | None]:
            rows = self._container(container).query_items(text, parameters=values, max_item_count=most)
            pages = rows.by_page(continuation)
            try:
                found = [row async for row in await anext(pages)]
            except StopAsyncIteration:
                return [], None
            return found, pages.continuation_token  # type: ignore[attr-defined]  # The SDK's own, of its page iterator.

        return await self._reading(once)

    async def changes(
        self, container: str, continuation: str | None, most: int = 200, *, from_now: bool = False
    ) -> tuple[list[Item], str]:
        """The next items that were written since `continuation` (None: ever), each as it is now, and where to go on.

        An empty page means that there is nothing newer yet; `from_now` asks for such a page, to go on from later.
        What was deleted is not told.
        """

        async def once() -> tuple[list[Item], str]:
            proxy = self._container(container)
            start: dict[str, Any] = {"continuation": continuation} if continuation else {}
            start = start or {"start_time": "Now" if from_now else "Beginning"}
            pages = proxy.query_items_change_feed(max_item_count=most, **start).by_page()
            try:
                page = await anext(pages)
            except StopAsyncIteration:
                page = None
            # Told only in the last answer's headers; nothing else can run between that answer and this line.
            reached = str(proxy.client_connection.last_response_headers["etag"])
            return [] if page is None else [row async for row in page], reached

        return await self._reading(once)

    async def create(self, container: str, item: Item, partition_key: str) -> str:
        """Store a new item and return its etag. Raises `AlreadyStored` if the id is taken by somebody else's."""
        return (await self._write(container, partition_key, [Create(item)]))[0]

    async def replace(self, container: str, item: Item, etag: str, partition_key: str) -> str:
        """Replace an item that is still as read and return its new etag. Raises `RecordChanged` or `NotFound`."""
        return (await self._write(container, partition_key, [Replace(item, etag)]))[0]

    async def commit(self, container: str, partition_key: str, operations: Sequence[Operation]) -> list[str]:
        """All operations or none, within one partition; the first one guards the rest. Returns their etags."""
        return await self._write(container, partition_key, operations)

    async def delete(self, container: str, item_id: str, etag: str, partition_key: str) -> None:
        """Delete an item that is still as read; gone already is well."""
        from azure.core import MatchConditions
        from azure.cosmos.exceptions import CosmosAccessConditionFailedError, CosmosResourceNotFoundError

        async def once() -> None:
            try:
                await self._container(container).delete_item(
                    item_id, partition_key, etag=etag, match_condition=MatchConditions.IfNotModified
                )
            except CosmosResourceNotFoundError:
                return
            except CosmosAccessConditionFailedError as error:
                raise RecordChanged(item_id) from error

        await self._reading(once)

    async def _write(self, container: str, partition_key: str, operations: Sequence[Operation]) -> list[str]:
        with telemetry.span("store.write", container=container, items=len(operations)):
            return await self._written(container, partition_key, operations)

    async def _written(self, container: str, partition_key: str, operations: Sequence[Operation]) -> list[str]:
        op_id = secrets.token_hex(8)
        for operation in operations:
            if not isinstance(operation, Patch):
                operation.item["op_id"] = op_id
        deadline = asyncio.get_running_loop().time() + self._budget
        for attempt in range(TRIES):
            try:
                return await self._send(container, partition_key, operations)
            except _Retry as refused:
                telemetry.note_retry(refused.status)
            except _Unknown:
                telemetry.note_retry(None)
                if await self._is_applied(container, partition_key, operations, op_id):
                    return await self._etags(container, partition_key, operations, op_id)
            except _Conflict as conflict:
                if await self._is_applied(container, partition_key, operations, op_id):
                    return await self._etags(container, partition_key, operations, op_id)
                raise self._refusal(operations, conflict) from conflict
            if not await _pause(attempt, deadline):
                break
        raise Unavailable("the store did not take the write in time")

    async def _send(self, container: str, partition_key: str, operations: Sequence[Operation]) -> list[str]:
        from azure.core.exceptions import AzureError
        from azure.cosmos.exceptions import CosmosBatchOperationError, CosmosHttpResponseError

        wire = [_wire(operation) for operation in operations]
        try:
            answers = await self._container(container).execute_item_batch(
                wire, partition_key=partition_key, **self._session(container, partition_key)
            )
        except CosmosBatchOperationError as error:
            telemetry.note_call(container, "batch", _units(error.headers))
            raise _outcome(error.status_code, error.error_index) from error
        except CosmosHttpResponseError as error:
            telemetry.note_call(container, "batch", _units(error.headers))
            raise _outcome(error.status_code, 0) from error
        except (AzureError, TimeoutError, KeyError) as error:
            # KeyError: what the SDK raises when the session retry of a batch fails a second time.
            raise _Unknown from error
        headers = answers.get_response_headers()
        telemetry.note_call(container, "batch", _units(headers))
        self._remember(container, partition_key, headers.get("x-ms-session-token"))
        return [str(answer.get("eTag", "")) for answer in answers]

    def _session(self, container: str, partition_key: str) -> dict[str, Any]:
        token = self._sessions.get((container, partition_key))
        return {"session_token": token} if token else {}

    def _remember(self, container: str, partition_key: str, token: str | None) -> None:
        """A batch does not update the SDK's own session token, so what it answered is passed on by us."""
        if token:
            self._sessions[container, partition_key] = token
            self._sessions.move_to_end((container, partition_key))
            if len(self._sessions) > SESSIONS_KEPT:
                self._sessions.popitem(last=False)

    async def _is_applied(
        self, container: str, partition_key: str, operations: Sequence[Operation], op_id: str
    ) -> bool:
        """Whether a batch whose answer is not known was written. Its first item may have been written again since by
        somebody else, so what tells is the first item that it added beside it: a receipt or an event, which stays."""
        witness = next((each for each in operations[1:] if isinstance(each, Create)), operations[0])
        stored = await self._read_back(container, partition_key, witness)
        return stored is not None and stored.get("op_id") == op_id

    async def _read_back(self, container: str, partition_key: str, operation: Operation) -> Item | None:
        item_id = operation.item_id if isinstance(operation, Patch) else str(operation.item["id"])
        try:
            return await self.read(container, item_id, partition_key)
        except Unavailable as error:
            raise OutcomeUnknown(item_id) from error

    async def _etags(
        self, container: str, partition_key: str, operations: Sequence[Operation], op_id: str
    ) -> list[str]:
        """The versions that our lost answer would have told; only the first is ever used to go on.

        If somebody has written it again since, it is one that no longer is: whoever goes on from it is told so.
        """
        first = await self._read_back(container, partition_key, operations[0])
        is_ours = first is not None and first.get("op_id") == op_id
        return [str(first["_etag"]) if first is not None and is_ours else SUPERSEDED] + [""] * (len(operations) - 1)

    def _refusal(self, operations: Sequence[Operation], conflict: _Conflict) -> PledgeError:
        culprit = operations[conflict.index] if conflict.index < len(operations) else operations[0]
        item_id = culprit.item_id if isinstance(culprit, Patch) else str(culprit.item["id"])
        if conflict.status == 404:
            return NotFound(item_id)
        return AlreadyStored(item_id) if isinstance(culprit, Create) else RecordChanged(item_id)

    async def _reading(self, once: Callable[[], Awaitable[Result]]) -> Result:
        from azure.core.exceptions import AzureError

        deadline = asyncio.get_running_loop().time() + self._budget
        for attempt in range(TRIES):
            try:
                return await once()
            except (AzureError, TimeoutError, KeyError) as error:
                if getattr(error, "status_code", None) in (400, 401, 403, 413):
                    raise Unavailable(str(getattr(error, "status_code", ""))) from error
                telemetry.note_retry(getattr(error, "status_code", None))
                if not await _pause(attempt, deadline):
                    raise Unavailable("the store did not answer in time") from error
        raise Unavailable("the store did not answer in time")


def _noting(container: str, operation: str) -> Callable[[Any, Any], None]:
    """What the SDK calls with each answer: its headers say what was charged."""
    return lambda headers, _: telemetry.note_call(container, operation, _units(headers))


def _units(headers: Any) -> float:
    return float((headers or {}).get(CHARGE) or 0)


def _wire(operation: Operation) -> tuple[Any, ...]:
    if isinstance(operation, Create):
        return ("create", (operation.item,))
    if isinstance(operation, Replace):
        guard = {"if_match_etag": operation.etag} if operation.etag else {}
        return ("replace", (operation.item["id"], operation.item), guard)
    return ("patch", (operation.item_id, operation.operations))


def _outcome(status: int | None, index: int | None) -> Exception:
    if status in RETRIED:
        return _Retry(status)
    if status in (404, *CONFLICTS):
        return _Conflict(status, index or 0)
    if status is None or status >= 500 or status in (408, 410):
        return _Unknown()
    return Unavailable(f"the store refused the write with {status}")


async def _pause(attempt: int, deadline: float) -> bool:
    """Wait with full jitter before the next try; False if there is no time or no try left."""
    wait = random.uniform(0, min(2.0, 0.05 * 2**attempt))
    if attempt + 1 >= TRIES or asyncio.get_running_loop().time() + wait >= deadline:
        return False
    await asyncio.sleep(wait)
    return True
