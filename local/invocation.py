"""How the functions host turns an HTTP request into a call of a Python function, and its result into an answer."""

import asyncio
import contextvars
import inspect
import logging
import time
import types
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import azure.functions as func
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from local.routing import Route
from shared.telemetry import span

logger = logging.getLogger("local.host")
DEFAULT_BODY_BYTES_MAX = 104_857_600


@dataclass(frozen=True)
class Function:
    """One Python function of the app; `call` runs it on the event loop if it is async, else in a thread."""

    name: str
    parameter: str
    user_function: Callable[..., Any]
    threads: ThreadPoolExecutor

    async def call(self, argument: object) -> Any:
        arguments: dict[str, object] = {self.parameter: argument}
        if "context" in inspect.signature(self.user_function).parameters:
            arguments["context"] = types.SimpleNamespace(
                function_name=self.name, invocation_id=str(uuid.uuid4()), function_directory="."
            )
        if inspect.iscoroutinefunction(self.user_function):
            return await self.user_function(**arguments)
        context = contextvars.copy_context()
        return await asyncio.get_running_loop().run_in_executor(
            self.threads, lambda: context.run(self.user_function, **arguments)
        )


@dataclass(frozen=True)
class HttpFunction:
    """A function with a route; no methods means every method."""

    function: Function
    route: Route
    methods: frozenset[str]


async def read_body(request: Request, limit: int) -> bytes | None:
    """The body as the real host hands it over, or None if it is too large.

    The real host copies a body only if Content-Length says there is one, so a chunked request arrives with none
    (its source, and issue 4926 there).
    """
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > limit:
        return None
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            return None
        if length:
            chunks.append(chunk)
    return b"".join(chunks)


def build_request(request: Request, route_params: dict[str, str], body: bytes) -> func.HttpRequest:
    """The request as a Python worker gets it from the real host: what comes twice is joined by a comma."""
    headers = joined([(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw])
    if request.client is not None:
        # As Azure's front end does: what it saw itself comes last, behind whatever the caller wrote.
        said = next((name for name in headers if name.lower() == "x-forwarded-for"), "X-Forwarded-For")
        seen = f"{request.client.host}:{request.client.port}"
        headers[said] = f"{headers[said]}, {seen}" if said in headers else seen
    query = parse_qsl(request.url.query, keep_blank_values=True)
    params = {name: value for name, value in joined(query).items() if value}
    url = f"{request.url.scheme}://{request.url.netloc}{request.scope['raw_path'].decode('latin-1')}"
    url += f"?{request.url.query}" if request.url.query else ""
    return func.HttpRequest(request.method, url, headers=headers, params=params, route_params=route_params, body=body)


def joined(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Values by name; names that differ only in case are one name, spelled as it came first."""
    spelling: dict[str, str] = {}
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(spelling.setdefault(name.lower(), name), []).append(value)
    return {name: ",".join(several) for name, several in values.items()}


def has_too_many_headers(request: Request) -> bool:
    """Whether the real front end would not have passed this on: over a hundred headers, 16 kB in one, 32 kB in all."""
    sizes = [len(name) + len(value) for name, value in request.headers.raw]
    return len(sizes) > 100 or max(sizes, default=0) > 16_384 or sum(sizes) > 32_768


async def answer(target: HttpFunction, route_params: dict[str, str], request: Request, limit: int) -> Response:
    """Call the function and answer as the host does: an exception is a 500 without a word."""
    if has_too_many_headers(request):
        return Response(status_code=431, headers={"connection": "close"})
    started = time.perf_counter()
    name = target.function.name
    try:
        body = await read_body(request, limit)
    except ClientDisconnect:
        return Response(status_code=400)
    if body is None:
        logger.info("%s not called: body over %d bytes", name, limit)
        return Response(status_code=413, headers={"connection": "close"})
    try:
        # As the worker does: what the function traces belongs to the caller's trace.
        with span(name, request.headers.get("traceparent")):
            response = build_response(await target.function.call(build_request(request, route_params, body)))
    except Exception:  # The function's fault must not end the host.
        logger.exception("%s failed", name)
        response = Response(status_code=500)
    logger.info("%s %d %.0f ms", name, response.status_code, (time.perf_counter() - started) * 1000)
    return response


def build_response(result: object) -> Response:
    """The answer for what a function returned: an HttpResponse, text, or nothing."""
    if result is None:
        return Response(status_code=204)
    if isinstance(result, str):
        return Response(result, media_type="text/plain")
    if not isinstance(result, func.HttpResponse):
        raise TypeError(f"an HTTP function returned {type(result).__name__}, not an HttpResponse")
    response = Response(result.get_body(), status_code=result.status_code)
    # The worker sends headers as a dictionary, so of two alike the last stays; cookies travel apart.
    pairs = {name: value for name, value in result.headers.items() if name.lower() != "set-cookie"}
    cookies = [("set-cookie", value) for value in result.headers.get_all("set-cookie")]
    if "content-type" not in result.headers:
        charset = f"; charset={result.charset}" if result.mimetype.startswith("text/") else ""
        pairs["content-type"] = result.mimetype + charset
    for name, value in [*pairs.items(), *cookies]:
        if any(character in value for character in "\r\n\0"):
            raise ValueError(f"the value of header {name} holds a control character")
        if name.lower() != "content-length":
            response.raw_headers.append((name.lower().encode("latin-1"), value.encode("latin-1")))
    return response
