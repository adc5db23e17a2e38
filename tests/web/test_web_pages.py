"""The pages: well-formed, labelled, in two languages, in agreement with what the service takes. Needs no browser."""

from __future__ import annotations

import json
import re
import tomllib
import typing
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from functions import (
    applications,
    cases,
    conflicts,
    enrolments,
    job_search,
    placements,
    positions,
    privacy,
    refunds,
    screening,
    support,
)
from functions.access import ACCESS
from functions.http import PROBLEMS
from functions.openapi import document
from functions.reports import FunnelQuestion, LiabilityQuestion, OutcomesQuestion, PaymentsQuestion
from shared.adapters import documents
from shared.domain.case import LIFE_CYCLES
from shared.domain.job_search import INTRODUCTIONS
from shared.domain.life_cycle import Role
from shared.use_cases.views import guarantee
from tests.builders import PROGRAMME as BUILT
from tests.builders import TERMS, InMemory, at

ROOT = Path(__file__).resolve().parents[2]
WEB = ROOT / "web"
PAGES = sorted(WEB.glob("*.html"))
SCRIPTS = sorted((WEB / "scripts").glob("*.js"))
PROGRAMME = tomllib.loads((ROOT / "programmes" / "ai-diploma.toml").read_text("utf-8"))
VOID = {"meta", "link", "input", "br", "img", "hr"}
CASE = "cases/{case_id}/"
FORMS = {
    act.route: act.form
    for noun in (
        applications,
        conflicts,
        enrolments,
        job_search,
        placements,
        positions,
        privacy,
        refunds,
        screening,
        support,
    )
    for act in noun.ACTS
}
FORMS["documents"] = cases.DocumentUpload
FORMS["conflicts"] = conflicts.Conflict
STAFF = (Role.SPECIALIST, Role.ADMISSIONS, Role.CAREERS, Role.FINANCE)


def data_of(path: Path) -> Any:
    """What a script exports, if it is JSON but for its comment."""
    text = path.read_text("utf-8")
    return json.loads(text[text.index("export default ") + len("export default ") :].rstrip().removesuffix(";"))


WORDS = {path.stem: data_of(path) for path in sorted((WEB / "words").glob("*.js"))}
DESK = data_of(WEB / "scripts" / "desk.js")
ACTS = data_of(WEB / "scripts" / "acts.js")
ROUTES = data_of(WEB / "scripts" / "routes.js")


class Page(HTMLParser):
    """The elements of a page as (tag, attributes), and complaints about how they nest."""

    def __init__(self, path: Path) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: dict[str, str] = {}
        self.inline: list[str] = []
        self.wrong: list[str] = []
        self._open: list[tuple[str, dict[str, str]]] = []
        self.feed(path.read_text("utf-8"))
        self.close()
        self.wrong += [f"<{tag}> is not closed" for tag, _ in self._open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if len(found) != len(attrs):
            self.wrong.append(f"<{tag}> has an attribute twice")
        self.elements.append((tag, found))
        if tag not in VOID:
            self._open.append((tag, found))

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop()[0] != tag:
            self.wrong.append(f"</{tag}> at {self.getpos()} closes something else")

    def handle_data(self, data: str) -> None:
        tag, attributes = self._open[-1] if self._open else ("", {})
        if tag in ("script", "style") and data.strip():
            self.inline.append(tag)
        if "data-word" in attributes:
            key = attributes["data-word"]
            self.texts[key] = data

    def all(self, *tags: str) -> list[dict[str, str]]:
        """The attributes of every element with one of these tags."""
        return [attributes for tag, attributes in self.elements if tag in tags]

    @property
    def ids(self) -> list[str]:
        """Every id, in order."""
        return [attributes["id"] for _, attributes in self.elements if "id" in attributes]


pages = pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)


@pages
def test_a_page_is_well_formed(path: Path) -> None:
    page = Page(path)
    assert page.wrong == []
    assert path.read_text("utf-8").startswith("<!doctype html>\n<html lang=")
    assert len(page.ids) == len(set(page.ids))
    assert len(page.all("h1")) == len(page.all("main")) == len(page.all("title")) == 1


@pages
def test_everything_to_fill_in_has_a_label(path: Path) -> None:
    page = Page(path)
    labelled = {label.get("for") for label in page.all("label")}
    for control in page.all("input", "select", "textarea"):
        assert control.get("type") == "hidden" or control["id"] in labelled, control


@pages
def test_every_id_that_is_named_exists(path: Path) -> None:
    page = Page(path)
    named = {label["for"] for label in page.all("label")}
    for _, attributes in page.elements:
        for name in ("aria-describedby", "aria-labelledby", "aria-controls"):
            named |= set(attributes.get(name, "").split())
    named |= {link["href"][1:] for link in page.all("a") if link["href"].startswith("#")}
    scripts = {script["src"] for script in page.all("script")}
    for script in scripts - {"scripts/link.js"}:  # link.js serves two pages, and asks whether its place is there.
        named |= set(re.findall(r'\bat\("([\w-]+)"\)', (WEB / script).read_text("utf-8")))
    assert named <= set(page.ids), named - set(page.ids)


@pages
def test_a_page_bears_a_strict_policy(path: Path) -> None:
    page = Page(path)
    policy = next(meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "*" not in policy
    assert page.inline == []
    for tag, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on") or name == "style"], (tag, attributes)
        assert not attributes.get("href", "").startswith("javascript:")


@pages
def test_what_a_page_refers_to_is_there(path: Path) -> None:
    for _, attributes in Page(path).elements:
        for address in (attributes.get("href"), attributes.get("src")):
            if address and not address.startswith(("?", "#", "mailto:", "tel:")):
                assert "//" not in address, address
                assert (WEB / address).is_file(), address


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_asks_no_third_party_and_writes_no_markup(path: Path) -> None:
    text = path.read_text("utf-8")
    assert not re.search(r"https?://", text)
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|localStorage", text
    )
    for imported in re.findall(r'from "([^"]+)"', text) + re.findall(r'^import "([^"]+)"', text, re.MULTILINE):
        assert (path.parent / imported).is_file(), imported


def test_the_style_asks_no_third_party() -> None:
    assert not re.search(r"url\(|@import", (WEB / "style.css").read_text("utf-8"))


# Words.


def test_both_languages_say_the_same_things() -> None:
    assert set(WORDS) == {"en", "fr"}
    assert list(WORDS["en"]) == list(WORDS["fr"])
    for key, text in WORDS["en"].items():
        other = WORDS["fr"][key]
        assert text.strip(), key
        assert other.strip(), key
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", other)), key


def test_every_key_that_is_used_exists() -> None:
    used, begun = used_keys()
    assert used <= set(WORDS["en"]), used - set(WORDS["en"])
    assert [prefix for prefix in begun if not any(key.startswith(prefix) for key in WORDS["en"])] == []


def test_a_copy_of_ones_data_speaks_of_events_as_the_pages_do() -> None:
    own = tomllib.loads((ROOT / "shared" / "use_cases" / "event_words.toml").read_text("utf-8"))["event"]
    pages = {
        key.removeprefix("event."): {language: WORDS[language][key] for language in WORDS}
        for key in WORDS["en"]
        if key.startswith("event.")
    }
    assert own == pages, "run: python tools/event_words.py --write"


def test_every_key_is_used() -> None:
    used, begun = used_keys()
    assert [key for key in WORDS["en"] if key not in used and not key.startswith(tuple(begun))] == []


def used_keys() -> tuple[set[str], set[str]]:
    """Keys named whole in pages and scripts, and the beginnings of those that are put together."""
    used: set[str] = set()
    begun: set[str] = set()
    for path in (*PAGES, *SCRIPTS):
        text = path.read_text("utf-8")
        used |= set(re.findall(r'data-word(?:-label)?="([^"]+)"', text))
        used |= set(re.findall(r'"([a-z_]+\.[a-z_0-9.-]+)"', text))
        begun |= {f"{kind}." for kind in re.findall(r'called\("(\w+)"', text)}
        begun |= set(re.findall(r"`([a-z_]+[._](?:[a-z]+_)?)\$\{", text)) & {
            "hint.",
            "complaint.",
            "reason.",
            "problem.",
            "event.",
            "act.",
            "case.group_",
        }
    other = {key for key in used if key.startswith("degree.") or key.endswith((".js", ".html", ".css", ".svg", ".csv"))}
    return used - other, begun


@pages
def test_a_page_without_script_speaks_as_the_english_words_do(path: Path) -> None:
    for key, text in Page(path).texts.items():
        assert text == WORDS["en"][key]


def test_what_the_service_may_say_has_words() -> None:
    kinds = {f"problem.{slug}" for slug in PROBLEMS}
    for cycle in LIFE_CYCLES:
        kinds |= {f"event.{event}" for event in cycle.events}
        kind = {"application": "state", "enrolment": "state"}.get(cycle.name, f"{cycle.name}_status")
        kinds |= {f"{kind}.{state}" for state in cycle.states if (cycle.name, state) != ("placement", "none")}
    agenda = (ROOT / "shared" / "use_cases" / "turns.py").read_text("utf-8")
    kinds |= {f"what.{what}" for what in re.findall(r'Turn\("?\w+"?, "(\w+)"', agenda)}
    kinds |= {f"what.{what}" for what in re.findall(r'who, what = "\w+", "(\w+)"', agenda)}
    kinds |= {f"what.{what}" for what in re.findall(r'\("\w+", "(\w+)", levels', agenda)}
    kinds |= {f"introduction.{status}" for status in INTRODUCTIONS}
    kinds |= {f"rejection.{reason}" for reason in PROGRAMME["rejection_reasons"]}
    assert kinds <= set(WORDS["en"]), kinds - set(WORDS["en"])


def test_what_stands_in_the_way_has_words() -> None:
    named = set()
    for path in [
        path for folder in ("shared/use_cases", "shared/partners", "functions") for path in (ROOT / folder).glob("*.py")
    ]:
        text = path.read_text("utf-8")
        named |= set(re.findall(r'RuleBroken\(\s*"([a-z-]+)"', text))
        for call in re.findall(r"\brequire\((.*?)\n    ", text, re.DOTALL):
            named |= set(re.findall(r'"([a-z]+(?:-[a-z]+)+)"', call)[:1])
    missing = {name for name in named if f"reason.{name}" not in WORDS["en"]}
    assert named
    assert missing == set()


def test_every_field_and_choice_of_the_interface_has_words() -> None:
    fields, choices = set(), set()
    schemas = document()["components"]["schemas"]
    staff_forms = {FORMS[path].__name__ for path in ROUTES if path in FORMS and path != "documents"}

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            fields.update(node.get("properties", {}))
            choices.update(node.get("enum", []))
            for each in node.values():
                walk(each)
        elif isinstance(node, list):
            for each in node:
                walk(each)

    for name in staff_forms | {"SettledJob", "OfferCondition", "Amount"}:
        walk(schemas[name])
    for act in ACTS:
        fields |= {field["name"] for field in act["fields"]}
        choices |= {choice for field in act["fields"] for choice in field.get("choices", [])}
        fields |= {act["subject"]["name"]} if "subject" in act else set()
    wanted = {f"field.{name}" for name in fields} | {f"choice.{choice}" for choice in choices}
    assert wanted <= set(WORDS["en"]), wanted - set(WORDS["en"])


TYPES = {
    "string": "string_type", "integer": "int_type", "number": "float_type", "boolean": "bool_type",
    "array": "list_type", "object": "model_type",
}  # fmt: skip
LIMITS = {
    "pattern": "string_pattern_mismatch", "minLength": "string_too_short", "maxLength": "string_too_long",
    "minimum": "greater_than_equal", "maximum": "less_than_equal", "minItems": "too_short", "maxItems": "too_long",
    "enum": "literal_error", "const": "literal_error", "required": "missing", "additionalProperties": "extra_forbidden",
}  # fmt: skip


def test_every_complaint_about_a_field_has_words() -> None:
    codes = {"too_many_errors"} | set(re.findall(r'(?:return|else) "([a-z-]+)"', source_of(documents)))
    for folder in ("shared/use_cases", "shared/partners", "shared/domain", "functions"):
        for path in (ROOT / folder).glob("*.py"):
            text = path.read_text("utf-8")
            codes |= set(re.findall(r'PydanticCustomError\(\s*"([a-z_]+)"', text))
            for call in re.findall(r"\b(?:invalid|Complaint|FileRejected)\((.*)\)", text):
                codes |= set(re.findall(r'(?<!\[)"([a-z_]+)"', call))

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            codes.update(code for name, code in LIMITS.items() if name in node)
            codes.update({TYPES[node["type"]]} if node.get("type") in TYPES else ())
            for each in node.values():
                walk(each)
        elif isinstance(node, list):
            for each in node:
                walk(each)

    walk({name: each for name, each in document()["components"]["schemas"].items() if name != "Problem"})

    assert {"encrypted", "damaged", "active-content", "too-many-pages", "too-many-pixels", "iban", "missing"} <= codes
    assert {code for code in codes if f"complaint.{code}" not in WORDS["en"]} == set()


def source_of(module: Any) -> str:
    """The text of a module."""
    return Path(module.__file__).read_text("utf-8")


def test_what_became_of_a_pause_or_a_leave_has_words() -> None:
    pauses = {"requested"} | literals_of(job_search.PauseRuling.model_fields["outcome"].annotation)
    leaves = {"requested", "ended"} | literals_of(enrolments.LeaveRuling.model_fields["outcome"].annotation)

    assert {f"pause_ruling.{each}" for each in pauses} | {f"ruling.{each}" for each in leaves} <= set(WORDS["en"])


@pytest.mark.parametrize("signed_on", ["2027-02-22", "2027-03-15"])
def test_what_a_criterion_rests_on_has_words(signed_on: str) -> None:
    case = InMemory().qualified(signed_on=signed_on)
    told = guarantee(case.case, BUILT, TERMS, at("2028-01-10"))
    named = {f"evidence.{name}" for each in told["criteria"].values() for name in each["facts"] or {}}

    assert named
    assert named <= set(WORDS["en"])


def test_french_deadlines_hold_to_the_end_of_their_day() -> None:
    assert [key for key, text in WORDS["fr"].items() if re.search(r"\bavant le\b", text)] == []


# The form that works without script, and the service's own.


def fields_of(form: type[BaseModel], before: str = "") -> set[str]:
    """Names of a form's fields as a browser sends them, nested ones with a dot."""
    names: set[str] = set()
    for name, field in form.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            names |= fields_of(inner, f"{name}.")
        else:
            names.add(before + name)
    return names


def test_the_application_form_names_what_the_service_takes() -> None:
    page = Page(WEB / "index.html")
    controls = page.all("input", "select", "textarea")
    assert {control["name"] for control in controls} == fields_of(applications.Application) | {"certificate"}
    form = page.all("form")[0]
    assert (form["method"], form["action"], form["enctype"]) == ("post", "/api/applications", "multipart/form-data")


def test_the_application_form_requires_what_the_service_requires() -> None:
    required = {name for name, field in applications.Application.model_fields.items() if field.is_required()} - {
        "degree"
    }
    required |= {f"degree.{name}" for name, field in applications.Degree.model_fields.items() if field.is_required()}
    controls = Page(WEB / "index.html").all("input", "select", "textarea")
    stated = {
        control["name"] for control in controls if "required" in control or control.get("value") == PROGRAMME["id"]
    }
    assert required <= stated


def test_the_application_form_states_what_the_programme_does() -> None:
    page = Page(WEB / "index.html")
    value = {control["name"]: control.get("value") for control in page.all("input")}
    assert value["programme"] == PROGRAMME["id"]
    assert value["terms_and_privacy"] == PROGRAMME["terms_and_privacy_version"]
    assert value["redirect"] == "applied.html"
    for words in WORDS.values():
        for key in ("apply.terms", "privacy.version"):
            assert PROGRAMME["terms_and_privacy_version"] in words[key]
    options = {option["value"]: option for option in page.all("option") if "data-starts" in option}
    assert set(options) == {intake["id"] for intake in PROGRAMME["intakes"]}
    for intake in PROGRAMME["intakes"]:
        for name in ("opens", "closes", "starts"):
            assert options[intake["id"]][f"data-{name}"] == intake[f"{name}_on"].isoformat()
    accredited = {row["country"] for row in PROGRAMME["accreditation"] if row["accredited"]}
    assert set(page.all("form")[0]["data-accredited"].split()) == accredited


@pytest.mark.parametrize("name", ["privacy.html", "case.html"])
def test_a_page_says_where_to_write_and_ring(name: str) -> None:
    contact, text = PROGRAMME["contact"], (WEB / name).read_text("utf-8")

    assert f'<a href="mailto:{contact["email"]}">{contact["email"]}</a>' in text
    assert f'<a href="tel:{contact["phone"].replace(" ", "")}">{contact["phone"]}</a>' in text


def test_a_box_nobody_sees_catches_machines() -> None:
    trap = next(
        control for control in Page(WEB / "index.html").all("input") if control["name"] == applications.HONEYPOT
    )
    assert (trap["tabindex"], trap["autocomplete"]) == ("-1", "off")


# What a person and staff may do.


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act["id"])
def test_an_act_asks_for_what_the_service_takes(act: dict[str, Any]) -> None:
    form = FORMS[act["route"]]
    assert ACCESS[f"POST {CASE}{act['route']}"].link is not None
    asked = {field["name"]: field for field in act["fields"]}
    allowed = set(form.model_fields) | ({"file"} if act["route"] == "documents" else set())
    assert set(asked) | set(act.get("fixed", {})) <= allowed
    for name, field in form.model_fields.items():
        if field.is_required():
            assert name in act.get("fixed", {}) or asked[name]["required"]
    for name, field in asked.items():
        literals = literals_of(form.model_fields[name].annotation) if name in form.model_fields else set()
        if literals and "choices" in field:
            assert set(field["choices"]) <= literals, name
    assert set(re.findall(r"\{(\w+)\}", act["route"])) == {act[key]["name"] for key in ("subject",) if key in act}


def literals_of(annotation: Any) -> set[str]:
    """Every value of a Literal in an annotation."""
    if typing.get_origin(annotation) is typing.Literal:
        return set(typing.get_args(annotation))
    return {value for part in typing.get_args(annotation) for value in literals_of(part)}


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act["id"])
def test_an_act_has_its_words(act: dict[str, Any]) -> None:
    parts = ["title", "about", "button", *(["confirm"] if act.get("confirm") else [])]
    assert [part for part in parts if f"act.{act['id']}.{part}" not in WORDS["en"]] == []


def test_what_a_person_may_do_can_be_done_here() -> None:
    offered = {action for act in ACTS for action in act["actions"]}
    theirs = {row.action for cycle in LIFE_CYCLES for row in cycle.rows if Role.APPLICANT in row.actors}
    # The form applies and submits again; no route lets a person dispute a report, and software proposes.
    assert theirs - offered <= {"apply", "submit_again", "dispute_placement", "propose"}
    assert offered <= theirs


def test_the_desk_lists_every_id_that_a_route_asks_for() -> None:
    lists = (WEB / "scripts" / "staff.js").read_text("utf-8").split("const IDS = {")[1].split("\n};")[0]

    asked = {name for path in ROUTES for name in re.findall(r"\{(\w+)\}", path)}
    assert asked - set(re.findall(r"^  (\w+): ", lists, re.MULTILINE)) == {"message"}, "is no part of the case: typed"


def test_the_desk_shows_what_the_roles_of_a_token_allow() -> None:
    for route, roles in DESK["routes"].items():
        assert roles == [role.value for role in ACCESS[route].roles], route


def test_the_desk_offers_reports_to_their_readers_in_the_forms_that_exist() -> None:
    questions: dict[str, type[BaseModel]] = {
        "outcomes": OutcomesQuestion, "refund-liability": LiabilityQuestion, "payments": PaymentsQuestion,
        "funnel": FunnelQuestion,
    }  # fmt: skip
    assert set(questions) == set(DESK["reports"])
    for name, question in questions.items():
        report, stated = DESK["reports"][name], question.model_fields
        assert report["roles"] == [role.value for role in ACCESS[f"GET reports/{name}"].roles]
        assert set(report["formats"]) == literals_of(stated["format"].annotation) - {"json"}
        assert report.get("only", {}) == ({"zip": ["auditor"]} if name == "outcomes" else {})
        for field in report["fields"]:
            assert field.get("required", False) is stated[field["name"]].is_required()


def test_what_staff_may_do_can_be_done_at_the_desk() -> None:
    theirs = {row.action for cycle in LIFE_CYCLES for row in cycle.rows if set(STAFF) & row.actors}
    offered = {action for actions in ROUTES.values() for action in actions}
    # Staff have no route to report or end a job, or to record that an approval is void: that happens at payment.
    assert theirs - offered <= {
        "report_placement", "end_placement", "propose", "void_approval", "replay_event",
    }  # fmt: skip
    assert offered <= theirs
    for path in ROUTES:
        assert ACCESS[f"POST {CASE}{path}"].roles
        word = re.sub(r"\W*\{\w+\}", "", path)
        assert f"route.{word}" in WORDS["en"]
    assert {route for route in FORMS if ACCESS[f"POST {CASE}{route}"].roles} == set(ROUTES)
