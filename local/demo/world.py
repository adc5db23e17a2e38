"""The outside world of the demo: people with a mailbox, staff with tokens, partners, and a calendar.

Everything is said over HTTP and said again until it is heard: a host that is killed in between loses nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import httpx

AT_ONCE = 6
PATIENCE_SECONDS = 60
WORKING_HOUR = time(14, 0, tzinfo=UTC)
TICK = timedelta(days=7)
MONTHLY_TIMERS = ("run_privacy_retention", "run_audit", "run_reconciliation", "run_reports")
"""What runs by day or by month in life, here once a month."""
DAILY_TIMERS = ("run_deadlines", "run_retention_checks", "run_refund_audit", "run_deliveries")


class Unexpected(Exception):
    """The service answered otherwise than the script expects."""


class World:
    """A running stack, and the day it is there."""

    def __init__(self, info: dict[str, Any], first_day: date, on_day: Callable[[date], None] = str) -> None:
        self.info = info
        self.api = info["api"]
        self.today = first_day
        self._on_day = on_day
        self._client = httpx.AsyncClient(trust_env=False, timeout=60)
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._waiting: list[tuple[date, asyncio.Event]] = []
        self._active = 0
        self._all_wait = asyncio.Event()
        self._tokens: dict[str, str] = {}
        self._ahead = timedelta(0)
        self.calls = 0

    async def close(self) -> None:
        """Hang up."""
        await self._client.aclose()

    # ---- saying things, until they are heard

    async def ask(self, method: str, url: str, **what: Any) -> httpx.Response:
        """One request, repeated while nobody answers or the service says that it cannot at the moment."""
        deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        while True:
            try:
                async with self._gate:
                    self.calls += 1
                    answer = await self._client.request(method, url, **what)
                if answer.status_code not in (500, 502, 503, 504):
                    return answer
                trouble = f"{answer.status_code} {answer.text[:300]}"
            except httpx.TransportError as error:
                trouble = type(error).__name__
            if asyncio.get_running_loop().time() > deadline:
                raise Unexpected(f"{method} {url}: {trouble}")
            await asyncio.sleep(0.1)

    async def expect(self, method: str, url: str, status: tuple[int, ...] = (200, 201, 202), **what: Any) -> Any:
        """The body of an answer with one of these statuses; anything else ends the demo."""
        answer = await self.ask(method, url, **what)
        if answer.status_code not in status:
            raise Unexpected(f"{method} {url} -> {answer.status_code} {answer.text[:600]}")
        return answer.json() if answer.content else None

    # ---- the calendar

    async def live(self, lives: list[Any]) -> None:
        """Let everybody live: whenever all of them wait for a day, that day comes."""
        tasks = [asyncio.create_task(self._one(life)) for life in lives]
        try:
            while not all(task.done() for task in tasks):
                self._raise(tasks)
                if self._active == 0 and self._waiting:
                    await self._turn_page()
                await self._all_wait.wait()
                self._all_wait.clear()
        finally:
            for task in tasks:
                task.cancel()
        self._raise(tasks)

    def _raise(self, tasks: list[asyncio.Task[None]]) -> None:
        for task in tasks:
            if task.done() and not task.cancelled() and (error := task.exception()):
                raise error

    async def _one(self, life: Any) -> None:
        self._active += 1
        try:
            await life
        finally:
            self._active -= 1
            self._all_wait.set()

    async def until(self, day: date) -> None:
        """Wait for a day."""
        if day <= self.today:
            return
        event = asyncio.Event()
        self._waiting.append((day, event))
        self._active -= 1
        self._all_wait.set()
        await event.wait()

    async def _turn_page(self) -> None:
        next_day = min(day for day, _ in self._waiting)
        await self.move_to(next_day)
        awake = [event for day, event in self._waiting if day <= next_day]
        self._waiting = [(day, event) for day, event in self._waiting if day > next_day]
        self._active += len(awake)
        for event in awake:
            event.set()
        self._all_wait.set()

    async def move_to(self, day: date) -> None:
        """Turn the calendar to a day, a week at a time at most, with the timers running on the way."""
        while self.today < day:
            last, self.today = self.today, min(day, self.today + TICK)
            self._ahead = timedelta(0)
            await self.set_clock()
            for timer in DAILY_TIMERS + (MONTHLY_TIMERS if last.month != self.today.month else ()):
                await self.run_timer(timer)
            # What was put off for a minute, because a host died before it sent, goes out on the same day.
            await self.set_clock_ahead()
            await self.run_timer("run_deliveries")
            self._on_day(self.today)

    async def set_clock(self) -> None:
        """Put every clock of the stack to the working hour of today."""
        now = (datetime.combine(self.today, WORKING_HOUR) + self._ahead).isoformat()
        await self.expect("POST", self.info["clock"], json={"now": now, "timers": False})

    async def set_clock_ahead(self) -> None:
        """Two minutes on, same day: what was put off for a minute is due then."""
        self._ahead += timedelta(minutes=2)
        await self.set_clock()

    async def run_timer(self, name: str) -> None:
        """Run a timer to its end."""
        done = await self.expect(
            "POST", f"{self.info['host']}/admin/functions/{name}", json={}, headers={"x-local-wait": "true"}
        )
        if not done["ok"]:
            raise Unexpected(f"timer {name} failed")

    # ---- the people around

    async def token(self, role: str, number: int) -> str:
        """A fresh token of the `number`-th person with this role; kept for the day."""
        person = [each for each in self.info["staff"] if each["roles"] == [role]][number % 3]
        key = f"{person['object_id']}|{self.today}"
        if key not in self._tokens:
            told = await self.expect("POST", self.info["issuer"]["token_url"], json={"object_id": person["object_id"]})
            self._tokens[key] = told["token"] if "token" in told else told["access_token"]
        return self._tokens[key]

    def staff_id(self, role: str, number: int) -> str:
        """How the service knows that person."""
        person = [each for each in self.info["staff"] if each["roles"] == [role]][number % 3]
        return f"{self.info['issuer']['tenant']}/{person['object_id']}"

    async def partner(self, name: str, kind: str, data: dict[str, Any], event: str) -> None:
        """Let a partner send an event; `event` makes its id, so that saying it twice is saying it once."""
        control = self.info["partners"][name]["control"]
        event_id = "evt_" + hashlib.sha256(f"{name}|{kind}|{event}".encode()).hexdigest()[:24]
        deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        while True:
            sent = await self.expect("POST", f"{control}/send", json={"type": kind, "data": data, "id": event_id})
            if sent["status"] in (200, 202):
                return
            if asyncio.get_running_loop().time() > deadline:
                raise Unexpected(f"{name} {kind}: {sent}")
            await asyncio.sleep(0.2)

    async def money_comes_back(self, reference: str) -> None:
        """The bank returns a refund to the payment partner, which announces it."""
        control = self.info["partners"]["payments"]["control"]
        await self.expect("POST", f"{control}/settle", json={"reference": reference, "outcome": "failed"})

    async def positions(self, role: str, country: str) -> list[dict[str, Any]]:
        """The open positions of a country, as staff see them."""
        bearer = {"Authorization": f"Bearer {await self.token(role, 0)}"}
        page = await self.expect("GET", f"{self.api}/positions", params={"country": country}, headers=bearer)
        return list(page["positions"])

    async def mails(self, address: str) -> list[dict[str, Any]]:
        """Everything in a mailbox, oldest first."""
        found = await self.expect("GET", self.info["mail"]["url"], params={"to": address, "limit": 1000})
        return list(found["mail"] if isinstance(found, dict) else found)


class Person:
    """Somebody who applies, and what they and staff do about it."""

    def __init__(self, world: World, number: int, particulars: dict[str, Any]) -> None:
        self.world = world
        self.number = number
        self.said = particulars
        self.email = particulars["email"]
        self.case_id = ""
        self._token = ""
        self._token_day: date | None = None
        self._acts = 0

    @property
    def today(self) -> date:
        """The day it is."""
        return self.world.today

    async def after(self, days: int) -> None:
        """Wait so many days."""
        await self.world.until(self.today + timedelta(days=days))

    def _key(self, what: str) -> str:
        self._acts += 1
        return hashlib.sha256(f"{self.number}|{self._acts}|{what}".encode()).hexdigest()[:32]

    async def apply(self) -> None:
        """Send the form and find the link in the mailbox."""
        await self.world.expect("POST", f"{self.world.api}/applications", json=self.said)
        await self.open_mail()

    async def open_mail(self) -> None:
        """Take case and link from the newest mail that has one, waiting for it as a person does."""
        for attempt in range(200):
            for mail in reversed(await self.world.mails(self.email)):
                found = re.search(r"#([a-z2-7]{26})\.([A-Za-z0-9_-]{43})", mail["text"])
                if found:
                    self.case_id, self._token = found.groups()
                    self._token_day = date.fromisoformat(mail["received_at"][:10])
                    return
            if attempt % 50 == 10:
                # A host killed before it sent: the message waits for the timer, and so do we.
                await self.world.set_clock_ahead()
                await self.world.run_timer("run_deliveries")
            await asyncio.sleep(0.1)
        raise Unexpected(f"no mail for person {self.number}")

    async def fresh_link(self) -> None:
        """A link of today: acts that bind need one that is not older than a day."""
        if self._token_day == self.today:
            return
        before = len(await self.world.mails(self.email))
        await self.world.expect("POST", f"{self.world.api}/links", json={"email": self.email})
        await self.world.run_timer("run_deliveries")  # Sooner than what follows the answer.
        for attempt in range(200):
            if len(await self.world.mails(self.email)) > before:
                break
            if attempt % 20 == 10:
                await self.world.set_clock_ahead()
                await self.world.run_timer("run_deliveries")
            await asyncio.sleep(0.05)
        await self.open_mail()
        self._token_day = self.today

    async def does(self, act: str, status: tuple[int, ...] = (200,), **body: Any) -> Any:
        """The person does something on their page."""
        await self.fresh_link()
        headers = {"Authorization": f"Bearer {self._token}", "Idempotency-Key": self._key(act)}
        url = f"{self.world.api}/cases/{self.case_id}/{act}"
        return await self.world.expect("POST", url, status, json=body, headers=headers)

    async def sees(self, what: str = "") -> Any:
        """What the person's page says."""
        await self.fresh_link()
        url = f"{self.world.api}/cases/{self.case_id}{what}"
        return await self.world.expect("GET", url, headers={"Authorization": f"Bearer {self._token}"})

    async def staff(self, role: str, act: str, *, who: int = 0, status: tuple[int, ...] = (200,), **body: Any) -> Any:
        """A member of staff looks at the case and does something; whoever changed it in between is looked at again."""
        url = f"{self.world.api}/cases/{self.case_id}"
        key = self._key(act)
        for _ in range(20):
            bearer = {"Authorization": f"Bearer {await self.world.token(role, self.number + who)}"}
            seen = await self.world.ask("GET", url, headers=bearer)
            if seen.status_code != 200:
                raise Unexpected(f"{role} cannot see the case: {seen.status_code} {seen.text[:300]}")
            headers = bearer | {"If-Match": seen.headers["etag"], "Idempotency-Key": key}
            done = await self.world.ask("POST", f"{url}/{act}", json=body, headers=headers)
            if done.status_code != 412:
                if done.status_code not in status:
                    raise Unexpected(f"{role} {act} for {self.number} -> {done.status_code} {done.text[:600]}")
                return done.json()
        raise Unexpected(f"{role} {act}: always changed")

    async def is_answered_by(self, contact: str, answer: str) -> None:
        """An employer's contact opens the link in the mail, looks, and answers."""
        for attempt in range(200):
            links = [re.search(r"confirm\.html#([\w-]{43})", mail["text"]) for mail in await self.world.mails(contact)]
            if links and links[-1]:
                break
            if attempt % 50 == 10:
                await self.world.set_clock_ahead()
                await self.world.run_timer("run_deliveries")
            await asyncio.sleep(0.1)
        else:
            raise Unexpected(f"no mail for {contact}")
        bearer = {"Authorization": f"Bearer {links[-1][1]}"}
        url = f"{self.world.api}/confirmation"
        seen = await self.world.expect("GET", url, headers=bearer)
        said = {"answer": answer, "version": seen["version"]}
        await self.world.expect("POST", url, json=said, headers=bearer)

    async def case(self) -> Any:
        """The record, as careers see it."""
        bearer = {"Authorization": f"Bearer {await self.world.token('careers', self.number)}"}
        return await self.world.expect("GET", f"{self.world.api}/cases/{self.case_id}", headers=bearer)

    async def told_by(self, partner: str, kind: str, **data: Any) -> None:
        """A partner tells the service something about this person."""
        event = f"{self.number}|{sorted(data.items())}"
        await self.world.partner(partner, kind, {"case_id": self.case_id, **data}, event)

    async def becomes(self, what: str, test: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait until the record shows something that a partner or a timer brings about."""
        for attempt in range(100):
            record: dict[str, Any] = await self.case()
            if test(record):
                return record
            if attempt % 25 == 24:
                await self.world.set_clock_ahead()
                await self.world.run_timer("run_deliveries")
            await asyncio.sleep(0.1)
        raise Unexpected(f"person {self.number} never became: {what}")
