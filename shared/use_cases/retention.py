"""One table of everything that is stored: what it holds, how long it stays and why; and when a case may be erased."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from shared.domain.application import OPEN
from shared.domain.calendar import add_months
from shared.domain.case import Case
from shared.domain.enrolment import UNDER_CONTRACT, UNSIGNED
from shared.domain.programme import Programme
from shared.domain.refund import OPEN as REFUND_OPEN
from shared.use_cases.guarantee import owed

DAY = 24 * 3600
OVER = ("satisfied", "not_eligible", "lapsed", "no_guarantee")
WITH_CASE, AFTER, STAYS = "erased with the case", "days after its last change", "stays"
"""How a kind of item ends: deleted when its case is erased, by itself after some days, or never: it names nobody."""


@dataclass(frozen=True)
class Kind:
    """One row: a kind of item in one container (or blobs), what it holds, how it ends, and the reason for that."""

    container: str
    kind: str
    holds: str
    end: str
    why: str
    days: int | None = None


KINDS = (
    Kind("cases", "person", "name, contact, education, motivation, consents", WITH_CASE, "needed while the case lasts"),
    Kind("cases", "payee", "the account, encrypted", WITH_CASE, "needed to pay, and to show whom we paid"),
    Kind("cases", "note", "what staff wrote, and the words of an appeal", WITH_CASE,
         "why people decided as they did"),
    Kind("cases", "submission", "the application as sent", WITH_CASE, "what was decided upon"),
    Kind("cases", "message", "template and codes of a letter; keyed hash of an address", WITH_CASE,
         "what is still to be sent, and for 90 days what was (who asked for a link: a day)", 90),
    Kind("cases", "contact", "address of an employer's contact, as named", WITH_CASE, "who was asked to confirm a job"),
    Kind("cases", "receipt", "the answer given to a repeatable request: ids and codes", AFTER,
         "a client may repeat a request; where money moved, it stays", 30),
    Kind("cases", "case", "statuses, dates, amounts", STAYS, "the accounts rest on it; names nobody"),
    Kind("cases", "event", "what happened, by role and staff id", STAYS, "the chain that proves it; names nobody"),
    Kind("inbox", "inbox", "what a partner said, as it said it", WITH_CASE,
         "a partner may send it again for 40 days; about money: as long as the case", 40),
    Kind("addresses", "address", "keyed hash of an address, ids of its cases", WITH_CASE, "how a case is found"),
    Kind("links", "link", "hash of a link's token, its case", WITH_CASE, "so that an expired link can say so", 60),
    Kind("links", "confirmation", "hash of a link's token, its case and report", WITH_CASE,
         "so that an employer's link can say that it has expired", 60),
    Kind("links", "staff_revocation", "hash of a staff id", STAYS, "who was shut out stays out"),
    Kind("reads", "read", "which member of staff read what, and when", AFTER,
         "who looked can be asked for three years", 3 * 366),
    Kind("counters", "heartbeat", "when a timer last ran, with counts", STAYS, "its silence is noticed"),
    Kind("counters", "refused", "how often a partner's signature was refused on a day", AFTER,
         "an attack, or a secret changed on one side", 40),
    Kind("counters", "applications", "keyed hash of a network, a number", AFTER, "limits by the hour", 1),
    Kind("counters", "links-from", "keyed hash of a network, a number", AFTER, "limits by the hour", 1),
    Kind("counters", "links-to", "keyed hash of an address, a number", AFTER, "limits by the hour", 1),
    Kind("catalogue", "position", "a position as an employer published it", STAYS, "introductions name it"),
    Kind("catalogue", "endpoint", "since when a partner wants no more of what we send", STAYS, "names nobody"),
    Kind("catalogue", "import", "which partner's list was imported, by whom, with counts", STAYS, "names nobody"),
    Kind("catalogue", "import_page", "rows of a partner's list until they are done, then their results by case", AFTER,
         "an import may be gone on with, and its results fetched", 30),
    Kind("reports", "contribution", "what a case adds to figures: codes, days, base pay; hashes of proofs", STAYS,
         "erased people stay counted; names nobody"),
    Kind("reports", "summary", "sums over an intake", STAYS, "what reports are read from; names nobody"),
    Kind("reports", "overview", "sums over all intakes", STAYS, "what reports are read from; names nobody"),
    Kind("reports", "cursor", "how far the nightly run came; ids of cases left", STAYS, "names nobody"),
    Kind("links", "deputy", "staff ids, a role and its days", AFTER, "who acted for whom can be asked for three years",
         3 * 366),
    Kind("counters", "reconciled", "the last day held against the payment partner's list", STAYS, "where to go on"),
    Kind("counters", "orphans", "the last file that was held against its case", STAYS, "where to go on"),
    Kind("counters", "sample_seed", "a random seed", STAYS, "kept from sight until the month's draw"),
    Kind("audits", "audit", "counts of a run", STAYS, "immutable; names nobody"),
    Kind("audits", "audit_run", "what a run looks at", STAYS, "immutable; names nobody"),
    Kind("audits", "audit_page", "findings, decisions and payments by case id", STAYS, "immutable; names nobody"),
    Kind("audits", "sample_commitment", "the hash of a month's seed", STAYS, "immutable; names nobody"),
    Kind("audits", "sample", "decisions drawn for review, by case id", STAYS, "immutable; names nobody"),
    Kind("audits", "sample_review", "what an auditor thinks of a decision", STAYS, "immutable; names nobody"),
    Kind("evidence (blobs)", "file", "certificates, contracts, payslips", WITH_CASE, "what decisions rest on"),
    Kind("evidence (blobs)", "export", "an auditor's pack: figures by pseudonym, hashes of proofs", AFTER,
         "an auditor fetches it", 2),
    Kind("audits (blobs)", "report", "findings by case id", STAYS, "immutable; names nobody"),
)  # fmt: skip
"""Whatever the product stores is one of these; a test looks through everything that was stored."""


def seconds_kept(container: str, kind: str) -> int:
    """How long an item of this kind stays once it is done with: its `ttl`."""
    days = next(each.days for each in KINDS if (each.container, each.kind) == (container, kind))
    assert days is not None
    return days * DAY


def erased_with_case(container: str) -> tuple[str, ...]:
    """The kinds of a container that go when their case is erased."""
    return tuple(each.kind for each in KINDS if each.container == container and each.end == WITH_CASE)


def holds(case: Case, programme: Programme, on: date) -> list[str]:
    """What stands against erasing this person's data on a day, in codes; empty if nothing does."""
    last = books_until(case, programme)
    return [*_open_matters(case), *(["bookkeeping"] if last is not None and on <= last else [])]


def _open_matters(case: Case) -> list[str]:
    enrolment, found = case.enrolment, []
    if any(hold.released_on is None for hold in case.custody.holds):
        found.append("legal_hold")
    if case.is_on_the_way_in and case.application.status in OPEN:
        found.append("application_open")
    if enrolment.status in (*UNSIGNED, *UNDER_CONTRACT) and not _guarantee_is_over(case):
        found.append("contract_running")
    if any(refund.status in (*REFUND_OPEN, "recovery_open") for refund in case.refunds.values()):
        found.append("refund_open")
    return found


def _guarantee_is_over(case: Case) -> bool:
    """Whether nothing more can come of the promise by itself: it was kept, refused, lapsed or paid out, or is owed of
    nothing because nothing was paid."""
    paid = any(refund.ground == "guarantee" and refund.paid_on for refund in case.refunds.values())
    of_nothing = case.guarantee.decision == "eligible" and not owed(case, 100)
    return case.enrolment.status == "qualified" and (paid or of_nothing or case.guarantee.decision in OVER)


def books_until(case: Case, programme: Programme) -> date | None:
    """The last day on which the law wants the records behind the accounts kept; None where no contract was signed."""
    contract, enrolment = case.enrolment.contract, case.enrolment
    days = [line.on for line in case.ledger]
    if contract is not None and contract.signed_on is not None:
        days += [contract.signed_on, *(day for day in (enrolment.ended_on, enrolment.qualified_on) if day)]
    return add_months(max(days), programme.limits.contract_record_months) if days else None


def erasable_from(case: Case, programme: Programme) -> date | None:
    """The first day on which the case is erased: by itself, or because its person asked.

    None while an open matter stands against it: closing that changes the case, and this is asked anew.
    """
    begun = case.custody.erasure_begun_at
    if begun is not None:
        return None if case.erased_at is not None else case.today(begun)
    since = [moment for moment in (case.application.since, case.enrolment.since) if moment is not None]
    if _open_matters(case) or not since:
        return None
    last = books_until(case, programme)
    asked = [each.ruled_at for each in case.custody.requests if (each.kind, each.status) == ("erasure", "granted")]
    kept_until = last or add_months(case.today(max(since)), programme.limits.closed_application_months)
    if asked and asked[0] is not None:
        return max(case.today(asked[0]), last + timedelta(days=1)) if last else case.today(asked[0])
    return kept_until + timedelta(days=1)


def export_until(case: Case, programme: Programme) -> datetime | None:
    """Until when a granted copy of the person's data can be fetched; None if none was granted."""
    ruled = [each.ruled_at for each in case.custody.requests if (each.kind, each.status) == ("export", "granted")]
    moments = [moment for moment in ruled if moment is not None]
    return max(moments) + timedelta(days=programme.limits.export_days) if moments else None
