"""Who may call what, written down once more: opening a row to somebody changes this file in the same diff."""

from __future__ import annotations

from functions.access import ACCESS, Access

WRITTEN_DOWN = {
    "POST applications": "anyone",
    "POST links": "anyone",
    "GET health/live": "anyone",
    "GET openapi.json": "anyone",
    "POST webhooks/{partner}": "partner",
    "GET cases/{case_id}": "link:status admissions auditor careers finance specialist",
    "GET cases/{case_id}/guarantee": "link:status auditor careers finance",
    "POST cases/{case_id}/submissions/{submission}/choice": "link:binding",
    "POST cases/{case_id}/corrections": "link:binding",
    "POST cases/{case_id}/documents": "link:status",
    "POST cases/{case_id}/offer-answer": "link:binding",
    "POST cases/{case_id}/contract-signature": "link:binding",
    "POST cases/{case_id}/withdrawal": "link:binding",
    "POST cases/{case_id}/leave-requests": "link:binding",
    "POST cases/{case_id}/pause-requests": "link:binding",
    "POST cases/{case_id}/declarations": "link:binding",
    "POST cases/{case_id}/search-weeks": "link:status careers",
    "GET early-risk": "careers",
    "POST cases/{case_id}/offers": "link:status",
    "POST cases/{case_id}/offers/{offer_id}/answer": "link:binding",
    "POST cases/{case_id}/placements": "link:binding key",
    "POST cases/{case_id}/placements/{placement}/end": "link:binding",
    "POST cases/{case_id}/placements/{placement}/correction": "link:binding",
    "POST cases/{case_id}/placements/{placement}/confirmation-requests": "link:binding careers",
    "GET confirmation": "link:confirmation",
    "POST confirmation": "link:confirmation",
    "POST cases/{case_id}/placements/{placement}/evidence": "link:status careers",
    "POST cases/{case_id}/placements/{placement}/job": "careers",
    "POST cases/{case_id}/claims": "link:binding key",
    "POST cases/{case_id}/claims/{claim}/withdrawal": "link:binding",
    "POST cases/{case_id}/payee": "link:binding",
    "POST cases/{case_id}/contact": "link:binding",
    "POST cases/{case_id}/appeals": "link:binding key",
    "POST cases/{case_id}/data-requests": "link:binding admissions careers",
    "GET cases/{case_id}/export": "link:binding admissions",
    "POST cases/{case_id}/data-requests/{request}/ruling": "admissions finance key",
    "POST cases/{case_id}/holds": "admissions careers finance",
    "POST cases/{case_id}/holds/{hold}/release": "admissions careers finance",
    "GET cases/{case_id}/reads": "admin auditor",
    "POST cases/{case_id}/conflicts": "admissions careers finance specialist",
    "POST cases/{case_id}/conflicts/{conflict}/lifting": "admissions careers finance",
    "POST cases/{case_id}/assignment": "admissions specialist",
    "POST cases/{case_id}/screening-events": "admissions specialist",
    "POST cases/{case_id}/recommendation": "specialist",
    "POST cases/{case_id}/assessments": "admissions specialist",
    "POST cases/{case_id}/admission-decision": "admissions key",
    "POST cases/{case_id}/offer-withdrawal": "admissions",
    "POST cases/{case_id}/conditions/{condition_id}": "admissions",
    "POST cases/{case_id}/reopening": "admissions",
    "POST cases/{case_id}/contract": "admissions finance",
    "POST cases/{case_id}/contract-receipt": "admissions finance",
    "POST cases/{case_id}/cancellation": "admissions finance",
    "POST cases/{case_id}/course-start": "admissions",
    "POST cases/{case_id}/extension": "admissions finance",
    "POST cases/{case_id}/leave-ruling": "admissions",
    "POST cases/{case_id}/leave-end": "admissions",
    "POST cases/{case_id}/expiry": "admissions finance",
    "POST cases/{case_id}/payments": "admissions finance",
    "POST cases/{case_id}/diploma": "admissions finance",
    "POST cases/{case_id}/diploma-revocation": "admissions finance",
    "POST cases/{case_id}/pause-ruling": "careers",
    "POST cases/{case_id}/pause-end": "careers",
    "POST cases/{case_id}/exemption": "careers",
    "POST cases/{case_id}/placements/{placement}/verification": "careers key",
    "POST cases/{case_id}/offers/{offer_id}/ruling": "careers",
    "POST cases/{case_id}/waivers": "careers finance key",
    "POST cases/{case_id}/contact-logged": "careers",
    "POST cases/{case_id}/call-backs": "careers finance",
    "POST cases/{case_id}/proposals/{proposal}/signature": "careers finance key",
    "POST cases/{case_id}/refunds/{refund}/payment": "finance key",
    "POST cases/{case_id}/appeals/{appeal}/decision": "careers finance key",
    "POST cases/{case_id}/refunds/{refund}/release": "careers finance key",
    "POST cases/{case_id}/recovery/{recovery}/outcome": "careers finance key",
    "GET work-queue": "admissions careers finance specialist",
    "GET cases": "admissions careers finance specialist",
    "POST case-searches": "admissions careers finance specialist",
    "GET cases/{case_id}/documents/{document}": "admissions careers finance specialist",
    "GET cases/{case_id}/events": "admissions auditor careers finance specialist",
    "POST audits": "admin auditor",
    "GET audits": "admin auditor",
    "GET audits/{run}": "admin auditor",
    "POST link-revocations": "admin",
    "POST staff-revocations": "admin",
    "GET health/ready": "admin auditor",
}
"""Route -> callers; `key` where an Idempotency-Key is required."""


def in_words(access: Access) -> str:
    """A row of the access table as it is written down here."""
    callers = ["anyone"] * access.anyone + ["partner"] * access.partner
    callers += [f"link:{access.link}"] if access.link else []
    return " ".join([*callers, *sorted(role.value for role in access.roles), *["key"] * access.key_required])


def test_each_route_is_open_to_those_written_down_and_nobody_else() -> None:
    assert {route: in_words(access) for route, access in ACCESS.items()} == WRITTEN_DOWN
