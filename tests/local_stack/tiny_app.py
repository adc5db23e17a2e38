"""A small function app for the host to serve: what it answers shows what the host handed over."""

import asyncio
import json
import os
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
clock: Callable[[], datetime] = lambda: datetime.now(UTC)  # noqa: E731 - the host replaces it, as it does the product's.
runs: list[tuple[str, bool]] = []


def shown(req: func.HttpRequest, **more: object) -> func.HttpResponse:
    body = {
        "method": req.method,
        "url": req.url,
        "headers": dict(req.headers),
        "params": dict(req.params),
        "route_params": dict(req.route_params),
        "body": req.get_body().decode(),
        "now": clock().isoformat(),
        **more,
    }
    return func.HttpResponse(json.dumps(body), mimetype="application/json", headers={"x-shown": "yes"})


@app.route(route="things/{thing}", methods=["GET", "POST"])
async def post_thing(req: func.HttpRequest) -> func.HttpResponse:
    return shown(req, function="post_thing")


@app.route(route="things/special", methods=["GET"])
async def get_special(req: func.HttpRequest) -> func.HttpResponse:
    return shown(req, function="get_special")


@app.route(route="threads")
def any_thread(req: func.HttpRequest) -> func.HttpResponse:
    return shown(req, is_main=threading.current_thread() is threading.main_thread())


@app.route(route="failure")
async def any_failure(req: func.HttpRequest) -> func.HttpResponse:
    raise RuntimeError("a secret")


@app.route(route="page", methods=["GET"])
async def get_page(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("<p>ü</p>", mimetype="text/html", status_code=418)


@app.route(route="split", methods=["GET"])
async def get_split(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(headers={"location": "/a\r\nset-cookie: stolen=1"})


@app.route(route="webhooks/{partner}", methods=["POST"])
async def post_webhook(req: func.HttpRequest) -> func.HttpResponse:
    return shown(req)


def noted(name: str, timer: func.TimerRequest) -> None:
    """Remember the run, in a file too if the test named one: the host may be another process."""
    runs.append((name, timer.past_due))
    if "RUNS_FILE" in os.environ:
        with Path(os.environ["RUNS_FILE"]).open("a") as file:
            file.write(json.dumps({"name": name, "past_due": timer.past_due, "now": clock().isoformat()}) + "\n")


@app.timer_trigger(schedule="%DAILY_SCHEDULE%", arg_name="timer")
def run_daily(timer: func.TimerRequest) -> None:
    noted("run_daily", timer)
    time.sleep(0.01)


@app.timer_trigger(schedule="0 0 5 1 * *", arg_name="timer")
async def run_and_fail_monthly(timer: func.TimerRequest) -> None:
    noted("run_and_fail_monthly", timer)
    await asyncio.sleep(0)
    raise RuntimeError("a timer that fails")
