"""Timers run when their schedule says so by the stack's clock, once when late, and never beside themselves."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from azure.functions import TimerRequest

from local.clock import Clock
from local.timers import Timer, Timers, next_occurrence, resolve_schedule

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Recorder:
    """Timer functions that note their runs and how many ran at the same time."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.runs: list[tuple[str, bool]] = []
        self.most_at_once = 0
        self._at_once = 0
        self._seconds = seconds

    def call(self, name: str) -> Callable[[TimerRequest], Awaitable[None]]:
        async def run(request: TimerRequest) -> None:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            self.runs.append((name, request.past_due))
            await asyncio.sleep(self._seconds)
            self._at_once -= 1

        return run


def timers(recorder: Recorder, clock: Clock, file: Path | None = None, **schedules: str) -> Timers:
    return Timers([Timer(name, schedule, recorder.call(name)) for name, schedule in schedules.items()], clock, file)


async def run_for(seconds: float, running: Timers) -> None:
    task = asyncio.create_task(running.run_forever())
    await asyncio.sleep(seconds)
    task.cancel()


@pytest.mark.parametrize(
    ("schedule", "after", "expected"),
    [
        ("0 */5 * * * *", "2026-01-01T12:00:00Z", "2026-01-01T12:05:00Z"),
        ("0 30 3 * * *", "2026-01-01T03:29:59.5Z", "2026-01-01T03:30:00Z"),
        ("0 0 6 * * 1-5", "2026-01-02T07:00:00Z", "2026-01-05T06:00:00Z"),
        ("0 0 0 29 2 *", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z"),
        ("*/15 * * * * *", "2026-01-01T00:00:14.9Z", "2026-01-01T00:00:15Z"),
        ("0 0 0 13 * Fri", "2026-01-01T00:00:00Z", "2026-02-13T00:00:00Z"),
    ],
)
def test_next_occurrence_is_that_of_ncrontab(schedule: str, after: str, expected: str) -> None:
    assert next_occurrence(schedule, datetime.fromisoformat(after)) == datetime.fromisoformat(expected)


def test_schedule_may_name_a_setting() -> None:
    assert resolve_schedule("%AUDIT%", {"AUDIT": "0 0 4 * * *"}) == "0 0 4 * * *"


@pytest.mark.parametrize("schedule", ["%MISSING%", "0 4 * * *", "00:05:00", "@daily", "0 0 25 * * *"])
def test_schedule_the_cloud_would_refuse_is_refused(schedule: str) -> None:
    with pytest.raises(ValueError, match=r"schedule|range|not"):
        resolve_schedule(schedule, {})


@pytest.mark.asyncio
async def test_timer_runs_when_its_time_comes() -> None:
    recorder, clock = Recorder(), Clock(now=datetime(2026, 1, 1, 3, 29, 59, 700_000, tzinfo=UTC))

    await run_for(0.8, timers(recorder, clock, daily="0 30 3 * * *"))

    assert recorder.runs == [("daily", False)]


@pytest.mark.asyncio
async def test_clock_move_runs_each_passed_timer_once_in_order_of_names() -> None:
    recorder, clock = Recorder(), Clock(now=NOON)
    running = timers(recorder, clock, b_daily="0 30 3 * * *", a_minute="0 * * * * *", c_yearly="0 0 0 1 12 *")

    ran = await running.move_clock(NOON + timedelta(days=60))

    assert ran == [{"name": "a_minute", "ok": True}, {"name": "b_daily", "ok": True}]
    assert recorder.runs == [("a_minute", True), ("b_daily", True)]


@pytest.mark.asyncio
@pytest.mark.parametrize(("days", "run"), [(60, False), (-60, True)])
async def test_clock_move_backwards_or_without_timers_runs_nothing(days: int, run: bool) -> None:
    recorder, clock = Recorder(), Clock(now=NOON)
    running = timers(recorder, clock, daily="0 30 3 * * *")

    ran = await running.move_clock(NOON + timedelta(days=days), run=run)
    await run_for(0.5, running)

    assert (ran, recorder.runs) == ([], [])
    assert running.by_name["daily"].next - clock() < timedelta(days=1)


@pytest.mark.asyncio
async def test_timer_missed_while_the_host_was_down_runs_once_and_is_told_so(tmp_path: Path) -> None:
    recorder, file = Recorder(), tmp_path / "timers.json"
    timers(recorder, Clock(now=NOON), file, daily="0 30 3 * * *")

    restarted = timers(recorder, Clock(now=NOON + timedelta(days=7)), file, daily="0 30 3 * * *")
    await run_for(0.5, restarted)
    await run_for(0.5, timers(recorder, Clock(now=NOON + timedelta(days=7, hours=1)), file, daily="0 30 3 * * *"))

    assert recorder.runs == [("daily", True)]


@pytest.mark.asyncio
async def test_run_that_a_kill_cut_short_is_done_again(tmp_path: Path) -> None:
    recorder, file = Recorder(seconds=5), tmp_path / "timers.json"
    cut_short = timers(recorder, Clock(now=NOON), file, daily="0 30 3 * * *")
    move = asyncio.create_task(cut_short.move_clock(NOON + timedelta(days=1)))
    await asyncio.sleep(0.1)
    move.cancel()

    after = Recorder()
    await run_for(0.3, timers(after, Clock(now=NOON + timedelta(days=1)), file, daily="0 30 3 * * *"))

    assert (recorder.runs, after.runs) == ([("daily", True)], [("daily", True)])


@pytest.mark.asyncio
async def test_new_timer_is_not_past_due(tmp_path: Path) -> None:
    recorder = Recorder()

    await run_for(0.3, timers(recorder, Clock(now=NOON), tmp_path / "timers.json", daily="0 30 3 * * *"))

    assert recorder.runs == []


@pytest.mark.asyncio
async def test_timer_never_runs_beside_itself() -> None:
    recorder, clock = Recorder(seconds=0.15), Clock(now=NOON)
    running = timers(recorder, clock, minute="* * * * * *")
    scheduler = asyncio.create_task(running.run_forever())

    await asyncio.gather(
        running.run("minute"),
        running.run("minute"),
        running.move_clock(NOON + timedelta(days=1)),
        running.run("minute"),
    )
    scheduler.cancel()

    assert recorder.most_at_once == 1
    assert len(recorder.runs) >= 4
