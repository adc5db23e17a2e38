"""Timer triggers as the functions host runs them: NCRONTAB in UTC, one catch-up when missed, never two runs at once."""

import asyncio
import json
import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from azure.functions.timer import TimerRequest
from croniter import croniter  # type: ignore[import-untyped]  # It ships no types.

from local.clock import Clock, instant_text, parse_instant, write_json

logger = logging.getLogger("local.timers")
TICK_SECONDS = 0.2
NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass
class Timer:
    """One timer function, when it ran last and when its schedule wants it next."""

    name: str
    schedule: str
    call: Callable[[TimerRequest], Awaitable[object]]
    run_on_startup: bool = False
    last: datetime | None = None
    next: datetime = NEVER
    missed: bool = False
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def after(self, instant: datetime) -> datetime:
        """The first time of the schedule later than an instant."""
        return next_occurrence(self.schedule, instant)


class Timers:
    """All timers of an app; what they did is kept in a file, so that a restart knows what it missed."""

    def __init__(self, timers: list[Timer], clock: Clock, file: Path | None = None) -> None:
        self.by_name = {timer.name: timer for timer in sorted(timers, key=lambda timer: timer.name)}
        self._clock = clock
        self._file = file
        self._moving = asyncio.Lock()
        self._runs: set[asyncio.Task[bool]] = set()
        self._load()

    async def run_forever(self) -> None:
        """Start each timer when its time has come, by the stack's clock."""
        for timer in self.by_name.values():
            if timer.run_on_startup:
                timer.next = min(timer.next, self._clock())
        while True:
            if not self._moving.locked():
                now = self._clock()
                for timer in self.by_name.values():
                    if timer.next <= now and not timer.lock.locked():
                        self._start(timer, past_due=timer.missed)
            await asyncio.sleep(TICK_SECONDS)

    async def run(self, name: str, *, past_due: bool = False) -> bool:
        """Run one timer now, after a run that is still going; the answer is whether it succeeded."""
        timer = self.by_name[name]
        async with timer.lock:
            return await self._invoke(timer, past_due=past_due)

    def run_soon(self, name: str) -> None:
        """Run one timer as soon as it is free, without waiting for it."""
        self._keep(asyncio.create_task(self.run(name)))

    async def move_clock(
        self, now: datetime, *, run: bool = True, moved: Callable[[], Awaitable[None]] | None = None
    ) -> list[dict[str, object]]:
        """Move the clock; with `run`, each timer whose schedule was passed runs once, one after another by name.

        `moved` is awaited between the two: what timers call must have the new time when they run.
        """
        async with self._moving:
            forward = now > self._clock()
            self._clock.move(now)
            if moved is not None:
                await moved()
            ran: list[dict[str, object]] = []
            for timer in self.by_name.values():
                if run and forward and timer.next <= now:
                    async with timer.lock:
                        ran.append({"name": timer.name, "ok": await self._run_on_schedule(timer, past_due=True)})
                elif not run or not forward:
                    self._reschedule(timer, timer.last, now)
            self._save()
            return ran

    def _start(self, timer: Timer, *, past_due: bool) -> None:
        async def run() -> bool:
            async with timer.lock:
                if timer.next > self._clock():
                    return True  # A clock move ran it while this task waited for the lock.
                return await self._run_on_schedule(timer, past_due=past_due)

        self._keep(asyncio.create_task(run()))

    def _keep(self, task: asyncio.Task[bool]) -> None:
        """Hold a run until it ends: the event loop itself keeps only a weak reference."""
        self._runs.add(task)
        task.add_done_callback(self._runs.discard)

    async def _run_on_schedule(self, timer: Timer, *, past_due: bool) -> bool:
        """Run, then note it: a host killed in between runs it again after its restart, as the real one does."""
        started = self._clock()
        ok = await self._invoke(timer, past_due=past_due)
        # A run may have lasted through a move of the clock, backwards too: the schedule goes on from the earlier time.
        self._reschedule(timer, started, min(started, self._clock()))
        self._save()
        return ok

    async def _invoke(self, timer: Timer, *, past_due: bool) -> bool:
        request = TimerRequest(
            past_due=past_due,
            schedule_status={
                "Last": instant_text(timer.last) if timer.last else "0001-01-01T00:00:00+00:00",
                "Next": instant_text(timer.next),
                "LastUpdated": instant_text(self._clock()),
            },
            schedule={"AdjustForDST": True},
        )
        try:
            await timer.call(request)
        except Exception:  # The host logs a failed timer and waits for its next time; it must not die of it.
            logger.exception("timer %s failed", timer.name)
            return False
        logger.info("timer %s done%s", timer.name, " (past due)" if past_due else "")
        return True

    def _reschedule(self, timer: Timer, last: datetime | None, now: datetime) -> None:
        timer.last, timer.next, timer.missed = last, timer.after(now), False

    def _load(self) -> None:
        known = json.loads(self._file.read_text()) if self._file and self._file.exists() else {}
        now = self._clock()
        for timer in self.by_name.values():
            status = known.get(timer.name)
            if status is None:
                timer.next = timer.after(now)
                continue
            timer.last = parse_instant(status["last"]) if status["last"] else None
            # The earlier of the two: the clock may have been set back, or the schedule changed, since it was written.
            timer.next = min(parse_instant(status["next"]), timer.after(now))
            timer.missed = timer.next <= now
        self._save()

    def _save(self) -> None:
        if self._file is not None:
            write_json(
                self._file,
                {
                    timer.name: {
                        "schedule": timer.schedule,
                        "last": instant_text(timer.last) if timer.last else None,
                        "next": instant_text(timer.next),
                    }
                    for timer in self.by_name.values()
                },
            )


def resolve_schedule(schedule: str, settings: dict[str, str]) -> str:
    """Replace a schedule written as %SETTING% by the setting's value, and refuse one the real host would refuse."""
    reference = re.fullmatch(r"%(?P<name>[^%]+)%", schedule.strip())
    if reference:
        if reference["name"] not in settings:
            raise ValueError(f"The schedule {schedule} names the setting {reference['name']}, which is not set.")
        schedule = settings[reference["name"]]
    if not re.fullmatch(r"[0-9*,/\-A-Za-z]+( +[0-9*,/\-A-Za-z]+){5}", schedule.strip()):
        raise ValueError(f"{schedule!r} is not an NCRONTAB schedule of six fields.")
    next_occurrence(schedule, datetime(2026, 1, 1, tzinfo=UTC))
    return schedule.strip()


def next_occurrence(schedule: str, instant: datetime) -> datetime:
    """The first time of an NCRONTAB schedule later than an instant.

    Where day and weekday are both restricted, NCRONTAB wants both (cron wants either), hence `day_or=False`.
    """
    start = instant.astimezone(UTC).replace(microsecond=0)
    found: datetime = croniter(schedule, start, ret_type=datetime, second_at_beginning=True, day_or=False).get_next(
        datetime
    )
    if found <= instant:
        found = next_occurrence(schedule, instant + timedelta(seconds=1))
    return found
