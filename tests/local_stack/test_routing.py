"""Route templates mean here what they mean to the real host."""

import pytest

from local.routing import parse_route, path_to_match


@pytest.mark.parametrize(
    ("template", "path", "parameters"),
    [
        ("cases/{id}", "/cases/7", {"id": "7"}),
        ("cases/{id}", "/CASES/7/", {"id": "7"}),
        ("cases/{id}", "/cases/a%20b", {"id": "a b"}),
        ("cases/{id}", "/cases/a%2Fb", {"id": "a%2Fb"}),
        ("cases/{id}", "/cases", None),
        ("cases/{id}", "/cases//", None),
        ("cases/{id}", "/cases/7/8", None),
        ("cases/{id}", "//cases/7", None),
        ("cases/{id?}", "/cases", {}),
        ("cases/{id:int}", "/cases/12", {"id": "12"}),
        ("cases/{id:int}", "/cases/twelve", None),
        (
            "cases/{id:guid}",
            "/cases/6f1d2b6a-52c5-4b0e-9f0f-7d1f6c3a9e11",
            {"id": "6f1d2b6a-52c5-4b0e-9f0f-7d1f6c3a9e11"},
        ),
        ("cases/{id:length(2,3)}", "/cases/abcd", None),
        ("cases/{id:regex(^a[0-9]+$)}", "/cases/a12", {"id": "a12"}),
        ("files/{*path}", "/files/a/b.pdf", {"path": "a/b.pdf"}),
        ("files/{name}.pdf", "/files/letter.pdf", {"name": "letter"}),
    ],
)
def test_template_matches_path(template: str, path: str, parameters: dict[str, str] | None) -> None:
    assert parse_route(template).match(path_to_match(path)) == parameters


def test_more_specific_template_comes_first() -> None:
    templates = ["{*all}", "cases/{id}", "cases/{id:int}", "cases/mine"]

    in_order = sorted(templates, key=lambda template: parse_route(template).precedence)

    assert in_order == ["cases/mine", "cases/{id:int}", "cases/{id}", "{*all}"]


@pytest.mark.parametrize("template", ["cases/{id:unknown}", "cases/{id=7}", "cases/{id"])
def test_template_the_host_does_not_know_is_refused_at_start(template: str) -> None:
    with pytest.raises(ValueError, match="cases"):
        parse_route(template)
