"""Every page opens in a real browser without an error of its script; where there is no browser, this is left out."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from local.testing import Stack
from tests.files import a_pdf
from tests.functions.test_positions import POSITION
from tests.people import Applicant

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="there is no browser on this machine")
PATIENCE_SECONDS = 60


class Tab:
    """One tab, spoken to over the browser's own protocol."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._number = 0
        self.errors: list[str] = []

    async def ask(self, method: str, **params: Any) -> Any:
        """One command; what scripts throw meanwhile is kept."""
        self._number += 1
        await self._socket.send_json({"id": self._number, "method": method, "params": params})
        while True:
            said = await self._socket.receive_json(timeout=PATIENCE_SECONDS)
            if said.get("method") == "Runtime.exceptionThrown":
                self.errors.append(json.dumps(said["params"]["exceptionDetails"])[:500])
            if said.get("id") == self._number:
                return said.get("result")

    async def value(self, script: str) -> Any:
        """What an expression comes to."""
        answer = await self.ask("Runtime.evaluate", expression=script, returnByValue=True)
        return answer["result"].get("value")

    async def open(self, address: str, until: str) -> None:
        """Go there from nowhere, so that the page starts anew, and wait until something is true or has failed."""
        await self.ask("Page.navigate", url="about:blank")
        await self.ask("Page.navigate", url=address)
        await self.until(f"location.href !== 'about:blank' && ({until})")

    async def until(self, what: str) -> None:
        """Wait until something is true, or a script has failed."""
        for _ in range(PATIENCE_SECONDS * 10):
            if self.errors or await self.value(what):
                return
            await asyncio.sleep(0.1)
        raise AssertionError(f"not {what}: {await self.value('document.body.innerText')}")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A browser with a profile of its own: where it listens."""
    assert BROWSER is not None
    profile = tmp_path_factory.mktemp("browser")
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0", f"--user-data-dir={profile}")
    process = subprocess.Popen([BROWSER, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        port = profile / "DevToolsActivePort"
        for _ in range(PATIENCE_SECONDS * 10):
            if port.exists() and "\n" in port.read_text():
                break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port.read_text().split()[0]}"
    finally:
        process.kill()
        process.wait()


@pytest.fixture
async def tab(browser: str) -> AsyncIterator[Tab]:
    """A new tab."""
    async with aiohttp.ClientSession() as session:
        opened = await (await session.put(f"{browser}/json/new?about:blank")).json(content_type=None)
        async with session.ws_connect(opened["webSocketDebuggerUrl"], max_msg_size=0) as socket:
            found = Tab(socket)
            await found.ask("Page.enable")
            await found.ask("Runtime.enable")
            yield found
            await found.ask("Page.close")


@pytest.fixture(scope="module")
def graduate(stack: Stack) -> Applicant:
    """Somebody introduced to a position, with a job whose sources disagree: what staff may do is all there."""
    found = Applicant(stack).to_diploma()
    found.does("declarations", fact="consent", value="yes")
    stack.partner("northwind").send("position.published", POSITION | {"position_id": "BROWSER"})
    bearer = {"Authorization": f"Bearer {stack.token('careers')}"}
    listed = stack.client.get(f"{stack.api}/positions", params={"country": "GB"}, headers=bearer).json()["positions"]
    assert found.staff("careers", "introductions", position=listed[0]["position"]).status_code == 200
    job = {"contract": "permanent", "contract_signed_on": "2027-01-11", "starts_on": "2027-01-11"}
    found.does("placements", field="in", hours=37, employer_name="Contoso", **job)
    told = {"case_id": found.case_id, "placement_id": "BROWSER", "hours": 12, "employer_name": "Contoso", **job}
    assert stack.partner("northwind").send("placement.reported", told)["status"] == 202
    return found


@pytest.mark.parametrize("language", ["en", "fr"])
async def test_a_case_opens_at_the_desk_for_everybody_who_may_see_it(
    tab: Tab, stack: Stack, graduate: Applicant, language: str
) -> None:
    desk = f"{stack.info['site']}/staff.html?lang={language}"
    for role in ("specialist", "admissions", "careers", "finance", "auditor"):
        await tab.open(desk, "document.readyState === 'complete'")
        await tab.value(f"sessionStorage.setItem('staff', {json.dumps(stack.token(role))})")
        await tab.open(f"{desk}#{graduate.case_id}", "document.querySelector('#case-view h2') !== null")
        acts = await tab.value("document.querySelectorAll('#case-view details.act').length")

        assert tab.errors == [], role
        assert (acts > 0) is (role != "auditor"), role
        assert await tab.value("document.querySelector('#case-view table') !== null"), "the sources, side by side"


async def test_staff_add_a_paper_at_the_desk(tab: Tab, stack: Stack, graduate: Applicant, tmp_path: Path) -> None:
    (tmp_path / "call-up.pdf").write_bytes(a_pdf(text="by post"))
    desk = f"{stack.info['site']}/staff.html?lang=en"
    await tab.open(desk, "document.readyState === 'complete'")
    await tab.value(f"sessionStorage.setItem('staff', {json.dumps(stack.token('admissions'))})")
    await tab.open(f"{desk}#{graduate.case_id}", "document.querySelector('#case-view h2') !== null")
    card = "document.querySelector('details.act[data-route=\"documents\"]')"

    await tab.value(f"{card}.open = true, {card}.querySelector('select').value = 'other'")
    field = await tab.ask("Runtime.evaluate", expression=f"{card}.querySelector('input[type=file]')")
    file = {"files": [str(tmp_path / "call-up.pdf")], "objectId": field["result"]["objectId"]}
    await tab.ask("DOM.setFileInputFiles", **file)
    await tab.value(f"{card}.querySelector('button[type=submit]').click()")
    await tab.until("document.querySelector('#case-view .notice.good') !== null")

    assert tab.errors == []
    assert [each["kind"] for each in graduate.record()["documents"].values()] == ["other"]


@pytest.mark.parametrize("page", ["index.html", "link.html", "privacy.html", "case.html", "confirm.html"])
async def test_a_page_opens_on_a_phone_and_nothing_sticks_out(
    tab: Tab, stack: Stack, graduate: Applicant, page: str
) -> None:
    await tab.ask("Emulation.setDeviceMetricsOverride", width=390, height=844, deviceScaleFactor=1, mobile=True)
    link = f"#{graduate.case_id}.{graduate.link}" if page == "case.html" else ""
    seen = "document.querySelector('#timeline li') !== null" if link else "document.readyState === 'complete'"
    await tab.open(f"{stack.info['site']}/{page}?lang=fr{link}", seen)

    assert tab.errors == []
    assert await tab.value("document.documentElement.lang") == "fr"
    assert await tab.value("document.documentElement.scrollWidth") <= 390


async def sign_in(tab: Tab, stack: Stack, role: str, hash: str = "") -> None:
    """A member of staff at the desk."""
    desk = f"{stack.info['site']}/staff.html?lang=en"
    await tab.open(desk, "document.readyState === 'complete'")
    await tab.value(f"sessionStorage.setItem('staff', {json.dumps(stack.token(role))})")
    await tab.open(f"{desk}{hash}", "document.querySelector('#reports details') !== null")


@pytest.mark.parametrize(
    ("role", "parts"),
    [
        ("finance", ["queue-part", "find-part", "reports-part"]),
        ("auditor", ["find-part", "audits", "reports-part"]),
        ("admin", ["audits", "access", "reports-part"]),
    ],
)
async def test_the_desk_shows_each_role_what_it_may_do_and_no_error(
    tab: Tab, stack: Stack, graduate: Applicant, role: str, parts: list[str]
) -> None:
    await sign_in(tab, stack, role)
    await tab.until(f"document.querySelector('#{'queue h2' if role == 'finance' else 'runs p, #runs li'}') !== null")

    shown = await tab.value(
        "[...document.querySelectorAll('#desk .columns > .part:not([hidden])')].map((one) => one.id)"
    )
    assert tab.errors == []
    assert shown == parts
    assert await tab.value("document.querySelector('.notice.bad') === null")


async def test_an_auditor_opens_a_case_by_its_reference(tab: Tab, stack: Stack, graduate: Applicant) -> None:
    await sign_in(tab, stack, "auditor")
    await tab.value(f"document.querySelector('#find input').value = '{graduate.case_id}'")
    await tab.value("document.querySelector('#find button').click()")

    await tab.until("document.querySelector('#case-view h2') !== null")
    assert tab.errors == []


async def test_staff_read_a_note_beside_its_event(tab: Tab, stack: Stack, graduate: Applicant) -> None:
    said = "Rang; she has begun."
    assert graduate.staff("careers", "contact-logged", contacted_on=stack.now()[:10], note=said).status_code == 200
    await sign_in(tab, stack, "finance", f"#{graduate.case_id}")
    await tab.until("document.querySelector('#case-view details:not(.act)') !== null")

    await tab.value("document.querySelectorAll('#case-view > details')[1].open = true")
    await tab.until("document.querySelector('.timeline blockquote') !== null")
    assert await tab.value("document.querySelector('.timeline blockquote').textContent") == said


async def test_another_language_is_asked_of_the_service(tab: Tab, stack: Stack, graduate: Applicant) -> None:
    case = f"{stack.info['site']}/case.html?lang=en#{graduate.case_id}.{graduate.link}"
    await tab.open(case, "document.querySelector('#timeline li') !== null")
    await tab.value("document.querySelector('[data-speak=fr]').click()")

    await tab.until("document.querySelector('#timeline').textContent.includes('La candidature est arrivée.')")
    assert await tab.value("document.querySelector('.criterion p').textContent.startsWith('Le diplômé')")
    assert tab.errors == []


async def test_a_french_contract_is_shown_with_its_terms_and_signed_no_sooner_than_the_law_lets(
    tab: Tab, stack: Stack
) -> None:
    person = Applicant(stack).to_decision(language="fr")
    person.do_all(
        ("admissions", "admission-decision", {"outcome": "offer"}),
        ("", "offer-answer", {"answer": "accept"}),
        ("admissions", "contract", {}),
        ("admissions", "contract-receipt", {}),
    )
    case = f"{stack.info['site']}/case.html?lang=fr#{person.case_id}.{person.link}"
    await tab.open(case, "document.querySelector('#timeline li') !== null")

    assert "à partir du 19 janvier 2027" in await tab.value("document.querySelector('#standing .notice').textContent")
    assert await tab.value("document.querySelector('[data-act=contract-signature]') === null")
    assert await tab.value("document.querySelector('#standing .notice a').getAttribute('href')") == (
        "terms.published.fr.html"
    )


async def test_what_the_form_does_not_accept_is_said_beside_its_field(tab: Tab, stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "large.pdf").write_bytes(b"%PDF-" + b"0" * 11 * 1024 * 1024)
    await tab.open(f"{stack.info['site']}/index.html?lang=en", "document.querySelector('#application').noValidate")
    field = await tab.ask("Runtime.evaluate", expression="document.querySelector('#certificate')")
    file = {"files": [str(tmp_path / "large.pdf")], "objectId": field["result"]["objectId"]}
    await tab.ask("DOM.setFileInputFiles", **file)
    await tab.value("document.querySelector('#phone').value = '0612345678'")
    await tab.value("document.querySelector('#application [type=submit]').click()")

    beside = "document.querySelector('#{}-error').textContent"
    assert "country code" in await tab.value(beside.format("phone"))
    assert "10 MB" in await tab.value(beside.format("certificate"))
    assert tab.errors == []
