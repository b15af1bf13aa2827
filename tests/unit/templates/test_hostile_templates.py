"""A hostile template ends quickly with an error, or harmlessly, and never leaves its data."""

from __future__ import annotations

import time
import tracemalloc

import pytest

from segmind.channels.content import SmsContent
from segmind.templates.check import check
from segmind.templates.language import LONGEST_OUTPUT
from segmind.templates.links import Links
from segmind.templates.render import RenderError, render
from segmind.templates.template import EmailDraft, SmsDraft
from segmind.templates.variables import sample_context

DOUBLING = "{% assign s = 'aaaaaaaaaa' %}" + "{% assign s = s | append: s %}" * 40
COSTLY = {
    "a range of a billion": "{% for i in (1..1000000000) %}x{% endfor %}",
    "a range backwards": "{% for i in (1..1000000000) reversed %}x{% endfor %}",
    "a range with an offset": "{% for i in (1..1000000000) offset: 999999990 %}x{% endfor %}",
    "nested loops": "{% for a in (1..999) %}{% for b in (1..999) %}{% for c in (1..999) %}x"
    "{% endfor %}{% endfor %}{% endfor %}",
    "loops one after another": "{% for i in (1..9000) %}{{ i }}{% endfor %}" * 100,
    "a loop over much that prints nothing": "{% for i in (1..9000) %}"
    + "{% if true %}{% endif %}" * 150
    + "{% endfor %}",
    "a doubled text": DOUBLING + "{{ s }}",
    "a captured text": "{% capture s %}aaaaaaaaaa{% endcapture %}"
    + "{% capture s %}{{ s }}{{ s }}{% endcapture %}" * 40,
    "a squared number": "{% assign n = 10 %}" + "{% assign n = n | times: n %}" * 40 + "{{ n }}",
    "replacing nothing": "{% assign s = 'aaaaaaaaaa' %}"
    + "{% assign s = s | append: s %}" * 12
    + "{{ s | replace: '', s }}",
    "joined copies": "{% assign s = 'aaaaaaaaaa' %}"
    + "{% assign s = s | append: s %}" * 12
    + "{% assign l = s | split: 'z' %}"
    + "{% assign l = l | concat: l %}" * 9
    + "{{ l | join: s }}",
    "a joined range": "{{ (1..1000000000) | join: ',' }}",
    "a reversed range": "{{ (1..1000000000) | reverse | first }}",
    "an assigned range": "{% assign r = (1..1000000000) %}{{ r | size }}{{ r | sort }}",
    "a wide date": "{{ 'now' | date: '%1000000000d' }}",
    "many filters": "{{ 'a' | " + " | ".join(["append: 'a'"] * 9000) + " }}",
    "many filters in a loop": "{% for i in (1..9000) %}{{ 'a' | upcase | downcase | upcase | "
    "downcase | upcase | downcase | split: '' | join: ',' | url_encode | escape }}{% endfor %}",
    "a huge number": "{{ " + "9" * 100_000 + " | plus: 1 }}",
    "deep brackets": "{{ a" + "[a" * 5000 + "]" * 5000 + " }}",
    "deep blocks": "{% if true %}" * 500 + "x" + "{% endif %}" * 500,
    "a text too long": "x" * 300_000,
    "a file": "{% include '/etc/passwd' %}",
    "another file": "{% render '../../etc/passwd' %}",
}


@pytest.mark.parametrize("name", COSTLY)
def test_a_costly_template_ends_quickly(name: str) -> None:
    draft = SmsDraft.model_construct(channel="sms", body=COSTLY[name])
    started = time.thread_time()
    result = render(draft, sample_context())
    took = time.thread_time() - started
    assert took < 2.0
    if isinstance(result, SmsContent):
        assert len(result.body) <= LONGEST_OUTPUT
        assert name in {"an assigned range", "many filters"}
    else:
        assert isinstance(result, RenderError)
        assert result.field == "body"
        assert result.message.endswith((".", "!", "?"))


def test_a_costly_template_stays_small_in_memory() -> None:
    tracemalloc.start()
    for source in COSTLY.values():
        render(SmsDraft.model_construct(channel="sms", body=source), sample_context())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 150 * 1024 * 1024


@pytest.mark.parametrize(
    "source",
    [
        "{{ customer.__class__ }}",
        "{{ customer.__class__.__mro__[1].__subclasses__ }}",
        "{{ nothing.__class__ }}",
        "{{ shop['__init__']['__globals__'] }}",
        "{{ _links }}{{ _links.links }}{{ _links.unsubscribe_url }}",
        "{{ self }}{{ config }}{{ request }}{{ lipsum }}{{ cycler }}{{ partial }}",
        "{{ customer.items }}{{ customer.keys }}{{ cart.items.append }}",
        "{{ forloop.parentloop.__class__ }}",
    ],
)
def test_nothing_but_the_data_can_be_reached(source: str) -> None:
    result = render(SmsDraft(body="start" + source + "end"), sample_context())
    assert result == SmsContent("startend")


def test_jinja_in_a_value_or_in_a_body_is_only_text() -> None:
    context = sample_context({"first_name": "{{ 7 | times: 7 }}{% raw %}"})
    result = render(SmsDraft(body="Hi {{ first_name }}"), context)
    assert result == SmsContent("Hi {{ 7 | times: 7 }}{% raw %}")
    mail = render(
        EmailDraft(
            subject="S",
            body="<mjml><mj-body><mj-section><mj-column><mj-text>"
            "{{ first_name }}</mj-text></mj-column></mj-section></mj-body></mjml>",
        ),
        context,
        Links(),
    )
    assert "{{ 7 | times: 7 }}" in mail.html  # type: ignore[union-attr]
    assert "49" not in mail.text  # type: ignore[union-attr]


def test_an_included_file_is_refused_before_it_is_opened() -> None:
    draft = EmailDraft(
        subject="S", body='<mjml><mj-body><mj-include path="/etc/passwd" /></mj-body></mjml>'
    )
    result = render(draft, sample_context())
    assert isinstance(result, RenderError)
    assert "mj-include" in result.message


def test_a_break_outside_a_loop_is_an_error_not_a_crash() -> None:
    result = render(SmsDraft(body="a{% break %}b"), sample_context())
    assert isinstance(result, RenderError)


def test_checking_a_hostile_draft_is_as_quick() -> None:
    for source in (
        "{% raw %}" * 20_000,
        "{% doc %}" * 9_000,
        "{% comment %}" * 9_000,
        "{%" * 20_000,
        "{{" * 20_000,
        "{" * 100_000,
        "<" * 100_000,
        "<a " * 30_000,
    ):
        started = time.thread_time()
        check(EmailDraft.model_construct(subject="S", body=source))
        assert time.thread_time() - started < 4.0
