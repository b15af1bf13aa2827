"""The quick way shows to the letter what the engine shows."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from liquid.ast import Node

from segmind.templates.compile import compiled
from segmind.templates.language import HTML, PLAIN, BoundedContext, Language, Problem, parse
from segmind.templates.links import KEY, Box, Links, OneByOne, tracked
from segmind.templates.quick import NotQuick, quick
from segmind.templates.recipients import Contexts
from segmind.templates.template import EmailDraft

LINKS = Links(
    link_for=lambda url: f"https://t.example/?{url}&x", unsubscribe_url="https://t.example/u"
)

PIECES = (
    "{{ first_name }}",
    "{{ customer.first_name }}",
    '{{ first_name | default: "you & <all>" }}',
    "{{ customer.city | default: 'Berlin' }}",
    "{% if first_name %}Hi {{ first_name }}{% else %}Hi <all>{% endif %}",
    "{% if customer.city and first_name %}both{% endif %}",
    "{% if customer.city or first_name %} {% endif %}",
    "a < b & 'c'",
    tracked("https://shop.example.com/?a=1&amp;b={{ first_name }}"),
    tracked("{{ customer.city }}"),
    tracked("{{ unsubscribe_url }}"),
    "{{ unsubscribe_url }}",
)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**6), 10**6),
    st.floats(allow_nan=False),
    st.text(max_size=8),
    st.sampled_from(["<b>", "Ada & Co", "https://x.example/?a=1&b=2", " ", ""]),
    st.lists(st.text(max_size=3), max_size=2),
)


def by_engine(nodes: list[Node], language: Language, values: dict[str, Any]) -> str:
    template = language.from_string("x")
    context = BoundedContext(template, globals=template.make_globals(values))
    buffer = context.get_buffer()
    for node in nodes:
        node.render(context, buffer)
    return buffer.getvalue()


@given(
    pieces=st.lists(st.sampled_from(PIECES), min_size=1, max_size=5),
    first_name=VALUES,
    city=VALUES,
    has_customer=st.booleans(),
    language=st.sampled_from([HTML, PLAIN]),
)
@example(pieces=list(PIECES), first_name="a\r\nb\r", city="", has_customer=True, language=PLAIN)
@example(pieces=list(PIECES), first_name="<&>", city="", has_customer=True, language=HTML)
def test_the_quick_way_is_the_engine_way(
    pieces: list[str], first_name: object, city: object, has_customer: bool, language: Language
) -> None:
    parsed = parse(language, "".join(pieces))
    assert not isinstance(parsed, Problem)
    made = quick(parsed.nodes, autoescape=language.autoescape)
    assert made is not None
    values: dict[str, Any] = {
        "first_name": first_name,
        KEY: Box(LINKS),
        "unsubscribe_url": LINKS.unsubscribe_url,
    }
    if has_customer:
        values["customer"] = {"first_name": first_name, "city": city}
    other = {**values, "first_name": "Grace", "customer": {"first_name": "Grace", "city": None}}
    try:
        shown, *others = made(Contexts((values, other), OneByOne((LINKS, LINKS))))
    except NotQuick:
        usual = (str, int, bool, type(None))
        texts = [first_name, city] if has_customer else [first_name]
        plain = all(type(value) in usual and "\r" not in str(value) for value in texts)
        assert not has_customer or not plain
        return
    assert shown == by_engine(parsed.nodes, language, values)
    assert others == [by_engine(parsed.nodes, language, {**other, KEY: Box(LINKS)})]


@pytest.mark.parametrize(
    "source",
    [
        "{% for item in cart.items %}{{ item }}{% endfor %}",
        "{% assign x = first_name %}{{ x }}",
        "{{ first_name | upcase }}",
        '{{ first_name | default: "a" | upcase }}',
        "{{ now }}",
        "{{ cart.items.size }}",
        "{{ traits['a'][0] }}",
        "{% if first_name == 'Ada' %}x{% endif %}",
        "{% if a %}x{% elsif b %}y{% endif %}",
    ],
)
def test_what_it_does_not_know_is_left_to_the_engine(source: str) -> None:
    parsed = parse(HTML, source)
    assert not isinstance(parsed, Problem)
    assert quick(parsed.nodes, autoescape=True) is None


def test_a_usual_email_goes_the_quick_way_as_a_whole() -> None:
    draft = EmailDraft(
        subject='Hello {{ first_name | default: "you" }}',
        body='<p>Hi {{ first_name }}, <a href="https://x.example/">look</a></p>',
    )
    ready = compiled(draft)
    parts = getattr(ready, "parts", {})
    assert parts and all(part.quick is not None for part in parts.values())
