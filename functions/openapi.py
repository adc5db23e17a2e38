"""The interface as OpenAPI 3.1, generated from the access table, the acts' forms and the table of problems."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from functions import (
    applications,
    audits,
    cases,
    conflicts,
    enrolments,
    imports,
    job_search,
    partners,
    placements,
    positions,
    privacy,
    refunds,
    reports,
    screening,
    staff,
    support,
)
from functions.access import ACCESS, Access
from functions.http import PROBLEMS

FORMS: dict[str, type[BaseModel]] = {
    f"POST {act.full_route}": act.form
    for noun in (
        applications,
        screening,
        enrolments,
        job_search,
        placements,
        positions,
        refunds,
        privacy,
        conflicts,
        support,
    )
    for act in noun.ACTS
} | {
    "POST applications": applications.Application,
    "POST links": applications.LinkRequest,
    "POST case-searches": cases.CaseSearch,
    "POST confirmation": placements.Confirmation,
    "POST cases/{case_id}/conflicts": conflicts.Conflict,
    "POST audits": audits.AuditOrder,
    "POST reports/outcomes/exports": reports.PackOrder,
    "POST audit-samples/{month}/reviews": audits.SampleReview,
    "POST deputies": staff.Deputy,
    "POST partner-events/{event}/replay": partners.Settlement,
    "POST partner-events/{event}/dismissal": partners.Settlement,
    "POST link-revocations": staff.LinkRevocation,
    "POST staff-revocations": staff.StaffRevocation,
}
QUERIES: dict[str, type[BaseModel]] = {
    "GET reports/outcomes": reports.OutcomesQuestion,
    "GET reports/outcomes/public": reports.PublishedQuestion,
    "GET reports/outcomes/people/{person}": reports.TraceQuestion,
    "GET reports/refund-liability": reports.LiabilityQuestion,
    "GET reports/payments": reports.PaymentsQuestion,
    "GET reports/funnel": reports.FunnelQuestion,
    "GET work-queue": cases.QueueQuestion,
    "GET early-risk": cases.PageQuestion,
    "GET positions": positions.PositionQuestion,
    "GET partner-events": partners.EventsQuestion,
    "GET cases/{case_id}": cases.CaseView,
    "GET cases/{case_id}/guarantee": refunds.GuaranteeQuestion,
    "GET cases/{case_id}/reads": privacy.ReadsQuestion,
    "GET cases": cases.CaseQuestion,
}
UPLOADS: dict[str, type[BaseModel]] = {
    "POST cases/{case_id}/documents": cases.DocumentUpload,
    "POST placement-imports": imports.ImportOrder,
}
CREATED = {
    "POST placement-imports": "201",
    "POST applications": "202",
    "POST links": "202",
    "POST audits": "201",
    "POST reports/outcomes/exports": "201",
    "POST cases/{case_id}/conflicts": "201",
    "POST deputies": "201",
    "POST audit-samples/{month}/reviews": "201",
    "POST webhooks/{partner}": "202",
}


ID = {"type": "string", "pattern": "^[A-Za-z0-9:_-]{1,128}$"}
KEY = {"type": "string", "pattern": '^("[A-Za-z0-9_-]{16,128}"|[A-Za-z0-9_-]{16,128})$'}
VERSION = {"type": "string", "pattern": '^"[!#-~]{1,100}"$'}


@cache
def document() -> dict[str, Any]:
    """The whole document."""
    forms = sorted({*FORMS.values(), *QUERIES.values()}, key=lambda form: form.__name__)
    _, schemas = models_json_schema(
        [(form, "validation") for form in forms], ref_template="#/components/schemas/{model}"
    )
    # `\\z` is the end of a text to pydantic's engine and nothing to ECMA-262, which OpenAPI's patterns are in.
    schemas = json.loads(json.dumps(schemas).replace("\\\\z", "$"))
    paths: dict[str, Any] = {}
    for route, access in ACCESS.items():
        method, _, path = route.partition(" ")
        paths.setdefault(f"/api/{path}", {})[method.lower()] = _operation(route, method, path, access)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Pledge",
            "version": "1",
            "description": "A diploma programme that promises a job within six months, or the money back.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"] | {"Problem": _problem_schema()},
            "securitySchemes": {
                "link": {"type": "http", "scheme": "bearer", "description": "The token of a mailed link."},
                "staff": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            },
        },
    }


def _operation(route: str, method: str, path: str, access: Access) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": method.lower() + "_" + re.sub(r"\W+", "_", path).strip("_"),
        "description": _who(access),
        "parameters": _parameters(route, path, access),
        "responses": _responses(route),
        "security": [],
    }
    if access.link is not None:
        operation["security"].append({"link": []})
    if access.roles:
        operation["security"].append({"staff": []})
    if route in FORMS:
        operation["requestBody"] = _body(route)
    elif route in UPLOADS:
        content = {"multipart/form-data": {"schema": _upload(UPLOADS[route])}}
        operation["requestBody"] = {"required": True, "content": content}
    elif route == "POST webhooks/{partner}":
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}
    return operation


def _who(access: Access) -> str:
    if access.anyone:
        return "Anyone."
    if access.partner:
        return "A partner, by its signature (Standard Webhooks)."
    who = []
    if access.link == "confirmation":
        who.append("an employer's contact, by the link in a mail")
    elif access.link is not None:
        who.append("the person, by a link" + (" of 24 hours" if access.link == "binding" else ""))
    if access.roles:
        who.append("staff: " + ", ".join(role.value for role in access.roles))
    text = "; ".join(who)
    return text[:1].upper() + text[1:] + "."


def _parameters(route: str, path: str, access: Access) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": ID} for name in re.findall(r"\{(\w+)\}", path)
    ]
    asked = QUERIES[route].model_json_schema()["properties"] if route in QUERIES else {}
    for name, field in QUERIES[route].model_fields.items() if route in QUERIES else ():
        said: dict[str, Any] = next(
            (each for each in asked[name].get("anyOf", [asked[name]]) if each.get("type") != "null"), {}
        )
        found.append({"name": name, "in": "query", "required": field.is_required(), "schema": _plain(said)})
    if route.startswith("POST cases/"):
        key = {"name": "Idempotency-Key", "in": "header", "required": access.key_required}
        found.append(key | {"schema": KEY})
        if access.roles and not access.unseen:
            found.append({"name": "If-Match", "in": "header", "required": access.link is None, "schema": VERSION})
    return found


def _body(route: str) -> dict[str, Any]:
    reference = {"schema": {"$ref": f"#/components/schemas/{FORMS[route].__name__}"}}
    content = {"application/json": reference}
    if route == "POST applications":
        content["application/x-www-form-urlencoded"] = {"schema": _flat(FORMS[route])}
        file = {"type": "string", "contentMediaType": "application/octet-stream"}
        content["multipart/form-data"] = {"schema": _flat(FORMS[route], certificate=file)}
    return {"required": bool(FORMS[route].model_fields), "content": content}


def _upload(form: type[BaseModel]) -> dict[str, Any]:
    fields = {name: _plain(field) for name, field in form.model_json_schema()["properties"].items()}
    file = {"type": "string", "contentMediaType": "application/octet-stream"}
    told = {"type": "object", "required": [*fields, "file"], "properties": {**fields, "file": file}}
    return told | {"additionalProperties": False}


def _flat(form: type[BaseModel], **files: Any) -> dict[str, Any]:
    """A form's model as its fields: names within an object joined by a dot, a box ticked with `on`, all of it text."""
    told = form.model_json_schema()
    properties: dict[str, Any] = {}
    required = []
    for name, field in told["properties"].items():
        inner = told["$defs"][field["$ref"].rpartition("/")[2]] if "$ref" in field else None
        for path, each, needed in (
            [(f"{name}.{key}", value, key in inner["required"]) for key, value in inner["properties"].items()]
            if inner
            else [(name, field, name in told["required"])]
        ):
            said = next((one for one in each.get("anyOf", [each]) if one.get("type") != "null"), each)
            is_box = said.get("type") == "boolean"
            properties[path] = {"enum": ["on", "true", "false", ""]} if is_box else _plain(said)
            required += [path] * needed
    return {
        "type": "object", "additionalProperties": False, "required": required, "properties": properties | files,
    }  # fmt: skip


def _plain(field: dict[str, Any]) -> dict[str, Any]:
    kept = ("type", "enum", "const", "pattern", "minLength", "maxLength", "format")
    plain = {name: value for name, value in field.items() if name in kept}
    return json.loads(json.dumps(plain).replace("\\\\z", "$"))  # type: ignore[no-any-return]


def _responses(route: str) -> dict[str, Any]:
    done = CREATED.get(route, "200")
    responses: dict[str, Any] = {done: {"description": "Done."}}
    if route == "POST applications":
        responses["303"] = {"description": "Where a browser form goes on."}
    if route.startswith("POST webhooks"):
        responses["200"] = {"description": "Known already."}
    by_status: dict[int, list[str]] = {}
    for slug, (status, _) in PROBLEMS.items():
        by_status.setdefault(status, []).append(slug)
    for status, slugs in sorted(by_status.items()):
        content: dict[str, Any] = {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}},
        }
        if route == "POST applications":  # The one form that a browser sends by itself.
            content["text/html"] = {"schema": {"type": "string"}}
        responses[str(status)] = {"description": ", ".join(slugs), "content": content}
    return responses


def _problem_schema() -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["type", "title", "status", "instance"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "instance": {"type": "string"},
            "errors": {"type": "array", "items": {"type": "object"}},
        },
    }
