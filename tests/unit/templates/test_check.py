"""A check finds what would go wrong before anyone receives it, and says what to do."""

from __future__ import annotations

import pytest

from segmind.errors import InvalidInput
from segmind.templates.blocks import ButtonBlock, HeadingBlock
from segmind.templates.check import Finding, check, variables_of
from segmind.templates.template import EmailDraft, PushDraft, SmsDraft, parse_draft, to_json
from segmind.templates.variables import CATALOGUE, KNOWN

ADDRESS = "1 High Street, London"


def levels(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(f.level, f.field) for f in findings]


def test_a_good_draft_has_no_findings() -> None:
    body = (
        '<p>Hi {{ first_name }} {{ customer.traits.size }}</p><a href="{{ unsubscribe_url }}">x</a>'
    )
    assert check(EmailDraft(subject="Hi", body=body), postal_address=ADDRESS) == []
    assert check(SmsDraft(body="Hi {{ first_name }}. Reply STOP to opt out")) == []
    assert check(PushDraft(title="Hi", body="There")) == []


def test_an_unknown_variable_is_an_error_with_its_line_and_a_guess() -> None:
    (finding,) = check(SmsDraft(body="Hi\n{{ customer.frist_name }} STOP"))
    assert (finding.level, finding.field, finding.line) == ("error", "body", 2)
    assert "customer.frist_name" in finding.message
    assert "customer.first_name" in finding.hint


def test_names_made_in_the_template_are_known() -> None:
    body = (
        "{% assign n = cart.count %}{{ n }}{% for i in cart.items %}{{ i.name }}{{ forloop.index }}"
        "{% endfor %}{% capture c %}x{% endcapture %}{{ c }}{{ cart.items.size }} STOP"
    )
    assert check(SmsDraft(body=body)) == []


def test_a_callers_variables_can_be_made_known() -> None:
    draft = SmsDraft(body="Your code is {{ code }}, {{ extra.deep.value }} STOP")
    assert [f.level for f in check(draft)] == ["error", "error"]
    assert check(draft, KNOWN | {"code", "extra.*"}) == []
    assert check(draft, values={"code": "7", "extra": {"deep": {"value": 1}}}) == []
    (finding,) = check(draft, values={"code": "7", "extra": {"deep": {"valeu": 1}}})
    assert "extra.deep.value" in finding.message
    lines = SmsDraft(body="{% for line in lines %}{{ line.name }}{% endfor %}{{ none }} STOP")
    assert check(lines, values={"lines": [{"name": "Lamp"}], "none": {}}) == []


def test_a_syntax_error_is_the_only_finding() -> None:
    (finding,) = check(EmailDraft(subject="Hi", body="<p>\n{% if a %}</p>"))
    assert (finding.level, finding.field, finding.line) == ("error", "body", 2)
    assert "endif" in finding.hint


def test_an_unknown_filter_is_named_with_its_line() -> None:
    findings = check(SmsDraft(body="a\n{{ first_name | shout }} STOP"))
    assert [(f.level, f.line) for f in findings] == [("error", 2)]
    assert "shout" in findings[0].message


def test_marketing_email_without_a_postal_address_cannot_go() -> None:
    draft = EmailDraft(subject="Hi", body="<p>Hello</p>")
    findings = check(draft)
    assert levels(findings) == [("error", "body"), ("note", "body")]
    assert "postal address" in findings[0].message
    assert "unsubscribe" in findings[1].message
    assert check(draft, marketing=False) == []


def test_a_text_message_that_does_not_say_how_to_stop_is_a_warning() -> None:
    assert levels(check(SmsDraft(body="Hi"))) == [("warning", "body")]
    assert check(SmsDraft(body="Hi"), marketing=False) == []


def test_an_email_that_gmail_would_cut_is_a_warning() -> None:
    draft = EmailDraft(subject="Hi", body="<p>" + "long " * 22_000 + "</p>")
    findings = check(draft, postal_address=ADDRESS)
    assert ("warning", "body") in levels(findings)
    assert any("102 KB" in f.message for f in findings)


@pytest.mark.parametrize(
    ("body", "level", "part"),
    [
        ("STOP " + "a" * 400, "warning", "3 SMS parts"),
        ("STOP " + "a" * 1700, "error", "SMS parts"),
        ("STOP “" + "a" * 100 + "”", "warning", "plain quotes"),
    ],
)
def test_a_long_text_message_is_told_in_parts(body: str, level: str, part: str) -> None:
    (finding,) = check(SmsDraft(body=body))
    assert finding.level == level
    assert part in finding.message + finding.hint


def test_a_push_that_phones_cut_is_a_warning_and_one_over_4_kb_an_error() -> None:
    assert levels(check(PushDraft(title="T" * 60, body="b" * 200))) == [
        ("warning", "title"),
        ("warning", "body"),
    ]
    assert levels(check(PushDraft(title="T", body="b" * 4500))) == [("error", "body")]


def test_insecure_and_empty_links_are_warnings() -> None:
    draft = EmailDraft(subject="S", body='<a href="http://a.example">x</a>\n<a href="#">y</a>')
    findings = check(draft, postal_address=ADDRESS)
    assert [(f.level, f.line) for f in findings if f.level == "warning"] == [
        ("warning", 1),
        ("warning", 2),
    ]


def test_an_empty_draft_says_what_is_missing() -> None:
    assert {"subject", "body"} <= {f.field for f in check(EmailDraft(), postal_address=ADDRESS)}
    assert levels(check(SmsDraft(), marketing=False)) == [("error", "body")]
    assert levels(check(PushDraft())) == [("error", "title")]


def test_a_fault_in_a_block_names_the_block() -> None:
    draft = EmailDraft(
        subject="S",
        blocks=(HeadingBlock(text="Hi"), ButtonBlock(label="{{ oops", href="https://a.example")),
    )
    (finding,) = check(draft, postal_address=ADDRESS)
    assert finding.field == "blocks[1].label"


def test_broken_mjml_is_an_error_in_words() -> None:
    (finding, *_) = check(EmailDraft(subject="S", body="<mjml><p>x</p></mjml>"))
    assert (finding.level, finding.field) == ("error", "body")
    assert "MJML" in finding.message


def test_every_variable_of_the_catalogue_is_known_and_explained() -> None:
    for variable in CATALOGUE:
        assert check(SmsDraft(body=f"{variable.written} STOP")) == []
        assert variable.meaning


def test_variables_of_a_draft_are_listed() -> None:
    draft = PushDraft(title="{{ first_name }}", body="{{ cart.total }}", deep_link="{{ cart.url }}")
    assert variables_of(draft) == {"first_name", "cart.total", "cart.url"}


def test_a_draft_survives_its_json() -> None:
    drafts = [
        EmailDraft(subject="S", blocks=(HeadingBlock(text="Hi"),)),
        SmsDraft(body="x"),
        PushDraft(title="t"),
    ]
    for draft in drafts:
        assert parse_draft(to_json(draft)) == draft


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"channel": "fax"}, "channel"),
        ({}, "channel"),
        ("text", "channel"),
        ({"channel": "sms", "body": 5}, "body"),
        ({"channel": "sms", "text": "x"}, "text"),
        ({"channel": "email", "accent": "red"}, "accent"),
        ({"channel": "email", "blocks": [{"kind": "image"}]}, "blocks.0.src"),
    ],
)
def test_what_is_no_draft_is_refused_with_its_path(data: object, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_draft(data)
    assert caught.value.field == field
