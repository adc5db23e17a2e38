"""The functions host on one machine: serves `function_app` as the real host would, on the stack's clock.

    python -m local.host [--port 7071] [--data DIR] [--now INSTANT] [--app module:attribute] [--clock module:attribute]

Settings come from the environment, as they do in the cloud. Loopback only.
"""

import argparse
import asyncio
import contextlib
import importlib
import json
import logging
import os
import sys
import tomllib
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import azure.functions as func
import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from local import spans
from local.clock import Clock, instant_text, parse_instant
from local.events import Events
from local.invocation import DEFAULT_BODY_BYTES_MAX, Function, HttpFunction, answer
from local.routing import parse_route, path_to_match
from local.timers import Timer, Timers, resolve_schedule

logger = logging.getLogger("local.host")
ROOT = Path(__file__).resolve().parent.parent
PAGES = Path(__file__).resolve().parent / "pages"
HTTP_TRIGGER, TIMER_TRIGGER, EVENT_TRIGGER = "httpTrigger", "timerTrigger", "eventGridTrigger"


class Host:
    """The functions of one app, its timers, and the answers of the host itself."""

    def __init__(
        self, app: func.FunctionApp, clock: Clock, settings: Mapping[str, str] = os.environ, data: Path | None = None
    ) -> None:
        self.clock = clock
        self._data = data
        self._body_bytes_max = int(settings.get("FUNCTIONS_REQUEST_BODY_SIZE_LIMIT", DEFAULT_BODY_BYTES_MAX))
        self._prefix = route_prefix(ROOT / "host.json")
        self._settings = dict(settings)
        threads = ThreadPoolExecutor(int(settings.get("PYTHON_THREADPOOL_THREAD_COUNT", "0")) or None, "function")
        self._http: list[HttpFunction] = []
        timers: list[Timer] = []
        events: list[Function] = []
        for registered in app.get_functions():
            name = registered.get_function_name() or ""
            if settings.get(f"AzureWebJobs.{name}.Disabled", "").lower() in ("true", "1"):
                continue
            trigger = registered.get_trigger()
            described = trigger.get_dict_repr() if trigger else {}
            function = Function(name, described.get("name", ""), registered.get_user_function(), threads)
            if described.get("type") == HTTP_TRIGGER:
                self._http.append(http_function(function, described))
            elif described.get("type") == TIMER_TRIGGER:
                schedule = resolve_schedule(described["schedule"], self._settings)
                timers.append(Timer(name, schedule, function.call, bool(described.get("runOnStartup"))))
            elif described.get("type") == EVENT_TRIGGER:
                events.append(function)
            else:
                logger.warning("%s has a trigger the local host does not serve: %s", name, described.get("type"))
        # The most specific template first, as in the real host's routing.
        self._http.sort(key=lambda one: one.route.precedence)
        self.events = Events(events)
        self._measured = spans.start(data, clock) if data else None
        self.timers = Timers(timers, clock, data / "timers.json" if data else None)

    def application(self) -> ASGIApp:
        """Everything the host answers, as one ASGI application."""
        web = [Mount("/web", StaticFiles(directory=ROOT / "web", html=True))] if (ROOT / "web").is_dir() else []
        routes = [
            Route("/", self._start_page, methods=["GET"]),
            Route("/local/clock", self._clock_endpoint, methods=["GET", "POST"]),
            Route("/local/info", self._info, methods=["GET"]),
            Route("/local/metrics", self._metrics, methods=["GET"]),
            Route("/admin/host/status", self._status, methods=["GET"]),
            Route("/admin/functions", self._list, methods=["GET"]),
            Route("/admin/functions/{name}", self._run_function, methods=["POST"]),
            *self.events.routes(),
            Route("/web", lambda _: RedirectResponse("/web/"), methods=["GET"]),
            *web,
        ]
        own = Starlette(routes=routes, lifespan=self._lifespan)
        return with_stack_date(with_cors(self._functions_first(own), self._prefix), self.clock)

    def _functions_first(self, own: Starlette) -> ASGIApp:
        """Paths under the route prefix belong to the functions alone; everything else to the host."""

        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                path = path_to_match(scope["raw_path"].decode("latin-1"))
                if not self._prefix or path.lower().startswith(f"{self._prefix}/"):
                    request = Request(scope, receive)
                    route = path[len(self._prefix) + 1 :] if self._prefix else path
                    response = await self._call_function(route, request)
                    if response is not None:
                        await response(scope, receive, send)
                        return
            await own(scope, receive, send)

        return serve

    async def _call_function(self, path: str, request: Request) -> Response | None:
        for candidate in self._http:
            route_params = candidate.route.match(path)
            if route_params is not None and (not candidate.methods or request.method in candidate.methods):
                return await answer(candidate, route_params, request, self._body_bytes_max)
        return Response(status_code=404) if self._prefix else None

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        # A host killed while the clock moved may have left the others behind: they follow it, before any timer runs.
        await self._tell_others_the_time()
        running = asyncio.create_task(self.timers.run_forever())
        running.add_done_callback(report_end)
        yield
        running.cancel()

    async def _tell_others_the_time(self) -> None:
        addresses = [address for address in self._settings.get("LOCAL_CLOCKS", "").split(",") if address]
        if not addresses:
            return
        # No certificates are loaded, which takes a third of a start: these addresses are plain http on this machine.
        async with httpx.AsyncClient(trust_env=False, timeout=10, verify=False) as client:
            for address in addresses:
                (await client.post(address, json={"now": instant_text(self.clock())})).raise_for_status()

    async def _clock_endpoint(self, request: Request) -> Response:
        if request.method == "GET":
            return JSONResponse({"now": instant_text(self.clock())})
        try:
            wanted = await request.json()
            if not isinstance(wanted, dict):
                raise ValueError('Send an object such as {"now": "2026-01-01T12:00:00Z"}.')
            now, run = parse_instant(wanted.get("now")), wanted.get("timers", True)
        except ValueError as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        ran = await self.timers.move_clock(now, run=run is not False, moved=self._tell_others_the_time)
        return JSONResponse({"now": instant_text(self.clock()), "ran": ran})

    async def _run_function(self, request: Request) -> Response:
        """As the real host's admin endpoint: 202 at once; with `x-local-wait: true`, an answer when it is done.

        A function that takes events gets the one that the body holds as text: `{"input": "{...}"}`.
        """
        name = request.path_params["name"]
        if name in self.events.by_name:
            done = await self.events.deliver(name, json.loads((await request.json())["input"]))
            return JSONResponse({"ok": done}, status_code=202)
        if name not in self.timers.by_name:
            return Response(status_code=404)
        if request.headers.get("x-local-wait", "").lower() == "true":
            return JSONResponse({"ok": await self.timers.run(name)})
        self.timers.run_soon(name)
        return Response(status_code=202)

    async def _list(self, _: Request) -> Response:
        http = [
            {"name": one.function.name, "route": f"{self._prefix}/{one.route.template}", "methods": sorted(one.methods)}
            for one in self._http
        ]
        timers = [
            {"name": timer.name, "schedule": timer.schedule, "next": instant_text(timer.next)}
            for timer in self.timers.by_name.values()
        ]
        events = [{"name": name, "trigger": EVENT_TRIGGER} for name in self.events.by_name]
        return JSONResponse([*http, *timers, *events])

    async def _status(self, _: Request) -> Response:
        return JSONResponse({"state": "Running"})

    async def _info(self, _: Request) -> Response:
        """The stack's addresses for the start page; a host that runs alone knows none."""
        file = self._data / "info.json" if self._data else None
        info = json.loads(file.read_text()) if file and file.exists() else {}
        return JSONResponse({**info, "now": instant_text(self.clock()), "web": (ROOT / "web").is_dir()})

    async def _metrics(self, _: Request) -> Response:
        return JSONResponse(spans.measured(self._measured) if self._measured else [])

    async def _start_page(self, _: Request) -> Response:
        return FileResponse(PAGES / "start.html")


def http_function(function: Function, described: dict[str, Any]) -> HttpFunction:
    """Read an HTTP trigger: without a route, the function's name is one."""
    methods = frozenset(str(getattr(method, "value", method)).upper() for method in described.get("methods") or ())
    return HttpFunction(function, parse_route(described.get("route") or function.name), methods)


def route_prefix(host_json: Path) -> str:
    """The prefix of all routes from host.json, `api` if it says nothing."""
    content = json.loads(host_json.read_text()) if host_json.exists() else {}
    prefix: str = content.get("extensions", {}).get("http", {}).get("routePrefix", "api")
    return prefix.strip("/").lower()


def with_cors(app: ASGIApp, prefix: str) -> ASGIApp:
    """Let other sites' pages call the API as App Service does: those the programmes list, without credentials."""
    listed = {
        origin
        for file in (ROOT / "programmes").glob("*.toml")
        for origin in tomllib.loads(file.read_text("utf-8")).get("cors_origins", [])
    }
    allowing = CORSMiddleware(app, allow_origins=sorted(listed), allow_methods=["*"], allow_headers=["*"])

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        is_api = scope["type"] == "http" and scope["path"].lower().startswith(f"/{prefix}/")
        await (allowing if is_api else app)(scope, receive, send)

    return serve


def with_stack_date(app: ASGIApp, clock: Clock) -> ASGIApp:
    """Answer with the stack's time in the `Date` header: who compares it with their own must not see two times."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                date = format_datetime(clock(), usegmt=True).encode()
                message = {**message, "headers": [*message.get("headers", []), (b"date", date)]}
            await send(message)

        await app(scope, receive, send_dated)

    return serve


def report_end(task: "asyncio.Task[None]") -> None:
    """A scheduler that stops must be seen: a host without timers looks healthy."""
    if not task.cancelled() and task.exception():
        logger.critical("the timers stopped", exc_info=task.exception())


def load_attribute(spec: str) -> Any:
    """The object that `module:attribute` names."""
    module, _, attribute = spec.partition(":")
    return getattr(importlib.import_module(module), attribute)


def set_attribute(spec: str, value: object) -> None:
    """Set what `module:attribute` names, if the module is there (a tiny app under test has no bootstrap)."""
    name, _, attribute = spec.partition(":")
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(f"{error.name}.")):
            logger.warning("%s is not there: the app keeps its own time", name)
            return
        raise
    setattr(module, attribute, value)


def serve(application: ASGIApp, port: int) -> None:
    """Serve on loopback until a signal ends it; the access log is the host's own."""
    uvicorn.run(
        application,
        host="127.0.0.1",
        port=port,
        log_level="warning",
        access_log=False,
        date_header=False,
        server_header=False,
        proxy_headers=False,  # Else a caller's own X-Forwarded-For would be taken for where it comes from.
        # As the real host: a client that keeps its connection must not find it closed after a short pause.
        timeout_keep_alive=130,
        timeout_graceful_shutdown=3,
        h11_max_incomplete_event_size=40 * 1024,  # The real limit is 32 KB of headers and 8 KB of address.
    )


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m local.host", description="The functions host on one machine.")
    parser.add_argument("--port", type=int, default=7071)
    parser.add_argument("--data", type=Path, help="folder of the stack: its clock, and what its timers did")
    parser.add_argument("--now", type=parse_instant, help="instant from which time runs, e.g. 2026-01-01T12:00:00Z")
    parser.add_argument("--app", default="function_app:app", help="module:attribute of the FunctionApp")
    parser.add_argument("--clock", default="shared.bootstrap:clock", help="module:attribute the app reads time from")
    return parser.parse_args()


def run(arguments: argparse.Namespace) -> None:
    """Run the host until it is told to stop."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for chatty in ("azure", "httpx", "httpcore", "aiosmtpd", "mail.log"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    clock = Clock(arguments.data / "clock.json" if arguments.data else None, arguments.now)
    app = load_attribute(arguments.app)
    set_attribute(arguments.clock, clock)
    serve(Host(app, clock, data=arguments.data).application(), arguments.port)


if __name__ == "__main__":
    run(parse_arguments())
