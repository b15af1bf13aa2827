"""A rule that cannot be used is refused with the path of the place, a sentence and a hint."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segmind.segments.deep import path_at
from segmind.segments.fault import InvalidRule
from segmind.segments.raw import MOST_CONDITIONS, MOST_DEPTH
from segmind.segments.rule import parse

DID = {"type": "did", "event": "product_viewed"}


def grouped(kind: str, *conditions: Any) -> dict[str, Any]:
    return {"type": kind, "conditions": list(conditions)}


def did(**more: Any) -> dict[str, Any]:
    return DID | more


def trait(field: str, op: str, value: Any = None) -> dict[str, Any]:
    return {"type": "trait", "field": field, "op": op, "value": value}


def where(field: str, op: str, value: Any = None) -> dict[str, Any]:
    return did(where=[{"field": field, "op": op, "value": value}])


REFUSED = [
    # what, path, part of the message
    ({}, "type", "type is missing"),
    ({"type": "dit"}, "type", "no type 'dit'"),
    (grouped("all", DID, {"type": "rnak"}), "all[1].type", "no type 'rnak'"),
    (grouped("any"), "conditions", "empty"),
    ({"type": "all"}, "conditions", "missing"),
    (grouped("all", 1), "all[0]", "object"),
    (grouped("all", grouped("any", did(n="10"))), "all[0].any[0].n", "integer"),
    (did(n=-1), "n", "greater than or equal to 0"),
    (did(n=1.5), "n", "integer"),
    (did(op="about"), "op", "at_least"),
    (did(op="between", n=2), "", "between"),
    (did(op="between", n=2, to=1), "", "below"),
    (did(colour="red"), "colour", "no such key"),
    (did(event=""), "event", "at least 1 character"),
    (did(event="message_opened"), "event", "not something that a customer does"),
    (did(event="segment_left"), "event", "not something that a customer does"),
    (did(event="order", metric="distinct_products"), "", "Products of orders cannot be counted"),
    (did(event="session", metric="value_sum"), "", "no value"),
    (did(event="session", where=[{"field": "value", "op": "is_set"}]), "where", "no fields"),
    (did(window={"type": "last", "amount": 0}), "window.amount", "greater than or equal to 1"),
    (did(window={"type": "last", "amount": 9**7, "unit": "weeks"}), "window", "hundred years"),
    (did(window={"type": "last", "amount": 1, "unit": "year"}), "window.unit", "minutes"),
    (did(window={"type": "until"}), "window.type", "no type 'until'"),
    (
        did(window={"type": "between", "since": "2026-02-30", "until": "2026-03-01"}),
        "window.since",
        "date",
    ),
    (
        did(window={"type": "between", "since": "2026-03-02", "until": "2026-03-01"}),
        "window",
        "ends before it begins",
    ),
    (where("product.colour", "is", "x"), "where[0].field", "no field 'product.colour'"),
    (where("value", "contains", "x"), "where[0].op", "cannot be compared by contains"),
    (where("value", "greater", "x"), "where[0].value", "must be a number"),
    (where("value", "greater", 1.5), "where[0].value", "minor units"),
    (where("quantity", "greater", True), "where[0].value", "must be a number"),
    (where("properties.", "is", "x"), "where[0].field", "not a name"),
    (where("properties.a'b", "is", "x"), "where[0].field", "not a name"),
    (trait("contry", "is", "DE"), "field", "no field 'contry'"),
    (trait("country", "equals", "DE"), "op", "no operator 'equals'"),
    (trait("country", "is"), "value", "must be a text"),
    (trait("country", "is", 3), "value", "must be a text"),
    (trait("country", "is_set", 3), "value", "takes no value"),
    (trait("country", "any_of", "DE"), "value", "must be a list"),
    (trait("country", "any_of", []), "value", "must be a list"),
    (trait("traits.x", "any_of", ["a", 1]), "value", "all texts or all numbers"),
    (trait("birthday", "before", "1.1.2000"), "value", "must be a day"),
    (trait("birthday", "in_month", 13), "value", "from 1 to 12"),
    (trait("traits.x", "between", [5, 1]), "value", "above the upper"),
    (trait("traits.x", "between", [1]), "value", "pair"),
    (trait("traits.x", "greater", 10**16), "value", "too large"),
    (trait("is_anonymous", "is", "yes"), "value", "true or false"),
    ({"type": "recency", "event": "order", "op": "within"}, "", "need ago"),
    ({"type": "reachable", "channel": "fax"}, "channel", "email"),
    ({"type": "rank", "top_percent": 0}, "top_percent", "greater than 0"),
    ({"type": "rank", "top_percent": 0.001}, "top_percent", "two decimals"),
    ({"type": "bucket", "from_percent": 5, "to_percent": 5}, "", "empty"),
    ({"type": "in_segment", "segment_id": 0}, "segment_id", "greater than or equal to 1"),
    ({"type": "engagement", "action": "opened", "source_id": 3}, "", "needs its kind"),
    (
        {"type": "engagement", "action": "opened", "source_kind": "single", "source_id": 3},
        "",
        "needs its kind",
    ),
    (did(metric="distinct_values"), "", "needs one"),
    (did(of="product.brand"), "", "needs one"),
    (did(metric="distinct_values", of="value"), "of", "cannot be told apart"),
    (did(metric="distinct_values", of="product.colour"), "of", "no field 'product.colour'"),
    (did(metric="distinct_values", of="properties.x", event="order"), "", "Values of orders"),
    (did(event="session", metric="quantity_sum"), "", "no quantity"),
    (did(event="session", metric="value_average"), "", "no value"),
    (did(window={"type": "ago", "newest": {"amount": 0}}), "window", "newest is now"),
    (
        did(
            window={
                "type": "ago",
                "newest": {"amount": 2},
                "oldest": {"amount": 48, "unit": "hours"},
            }
        ),
        "window",
        "not longer ago",
    ),
    (did(window={"type": "before", "day": "1899-12-31"}), "window", "outside the calendar"),
    (did(window={"type": "since", "day": "31.12.2025"}), "window.day", "date"),
    (did(window={"type": "calendar", "period": "decade"}), "window.period", "month"),
    (did(window={"type": "calendar", "period": "day", "back": -1}), "window.back", "equal to 0"),
    ({"type": "occurrence", "event": "order", "which": "second"}, "which", "first"),
    (
        {
            "type": "occurrence",
            "event": "session",
            "which": "first",
            "where": [{"field": "value", "op": "is_set"}],
        },
        "where",
        "no fields",
    ),
    ({"type": "same_day", "acts": [{"event": "order"}]}, "", "nothing else"),
    ({"type": "same_day", "acts": []}, "acts", "at least 1"),
    (
        {"type": "same_day", "acts": [{"event": "order"}, {"event": "message_sent"}]},
        "acts[1].event",
        "not something",
    ),
    (
        {
            "type": "rate",
            "op": "more_than",
            "ratio": 0.1,
            "per_where": [{"field": "value", "op": "is_set"}],
        },
        "per_where",
        "no fields",
    ),
    ({"type": "rfm"}, "", "No group and no score"),
    ({"type": "predicted", "what": "probability_alive", "n": 50}, "n", "at most 1"),
    ({"type": "predicted", "what": "predicted_value", "n": 19.9}, "n", "whole minor units"),
    ({"type": "predicted", "what": "probability_alive", "n": 0.5, "days": 9}, "", "of the moment"),
    ({"type": "rfm", "groups": ["champion"]}, "groups", "no group 'champion'"),
    ({"type": "rfm", "monetary": [6]}, "monetary[0]", "less than or equal to 5"),
    (trait("birthday", "anniversary_in_days", 366), "value", "from 0 to 365"),
    (trait("birthday", "in_next_days", -1), "value", "from 0 to 36,500"),
    (trait("country", "more_than_days_ago", 3), "op", "cannot be compared"),
    ({"type": "rate", "op": "more_than", "ratio": 0.1, "minimum": 0}, "minimum", "equal to 1"),
    (
        {"type": "cart", "newest": {"amount": 2}, "oldest": {"amount": 1}},
        "",
        "oldest is more recent",
    ),
    (
        {"type": "sequence", "first": {"event": "order"}, "then": {"event": "message_sent"}},
        "then.event",
        "not something",
    ),
]


@pytest.mark.parametrize(("rule", "path", "part"), REFUSED, ids=[str(r[1:]) for r in REFUSED])
def test_a_fault_is_named_with_its_path(rule: dict[str, Any], path: str, part: str) -> None:
    with pytest.raises(InvalidRule) as refused:
        parse(rule)
    assert (refused.value.field or "") == path
    assert part in refused.value.message
    assert refused.value.faults[0].path == path


def test_every_fault_is_listed() -> None:
    with pytest.raises(InvalidRule) as refused:
        parse(grouped("all", did(n=-1), trait("country", "is", 3), DID))
    assert [f.path for f in refused.value.faults] == ["all[0].n", "all[1].value"]


def test_hints_offer_the_nearest_word() -> None:
    for rule, word in [
        ({"type": "recncy"}, "recency"),
        (trait("contry", "is", "DE"), "country"),
        (trait("country", "start_with", "D"), "starts_with"),
    ]:
        with pytest.raises(InvalidRule) as refused:
            parse(rule)
        assert word in refused.value.hint


def nested(depth: int) -> dict[str, Any]:
    rule: dict[str, Any] = DID
    for _ in range(depth):
        rule = grouped("all", rule)
    return rule


def test_ten_groups_in_each_other_are_fine_and_eleven_are_not() -> None:
    assert parse(nested(MOST_DEPTH))
    with pytest.raises(InvalidRule, match="nested too deeply"):
        parse(nested(MOST_DEPTH + 1))


@pytest.mark.parametrize("depth", [1_000, 5_000])
def test_a_thousand_nested_groups_give_a_clear_error(depth: int) -> None:
    text = '{"type": "all", "conditions": [' * depth + json.dumps(DID) + "]}" * depth
    for given_as in (nested(depth), text, text.encode()):
        with pytest.raises(InvalidRule, match="nested too deeply") as refused:
            parse(given_as)
        assert refused.value.field == ".".join(["all[0]"] * MOST_DEPTH)
    for hostile in ('{"type":"all","conditions":[', '{"type":', "[", '{"where":['):
        with pytest.raises(InvalidRule):
            parse(hostile * depth)


def test_the_path_of_what_is_too_deep_counts_conditions_and_knows_their_groups() -> None:
    inner = "[" * 3_000
    for text, path in [
        ('{"type": "any", "conditions": [{}, {"a": 1}, {"x": ' + inner, "any[2].x" + "[0]" * 2),
        ('{"conditions": [{"type": "a\\"[{"}, ' + inner, "conditions[1]" + "[0]" * 3),
        ('{"s": "[[[", "where": ' + inner, "where" + "[0]" * 4),
    ]:
        assert path_at(text, 5) == path
    assert path_at('{"type": "all", "conditions": []}', 5) == ""


def test_deep_values_outside_groups_are_refused_too() -> None:
    value: Any = "x"
    for _ in range(5_000):
        value = [value]
    with pytest.raises(InvalidRule, match="nested too deeply"):
        parse(trait("country", "any_of", value))


def test_two_hundred_conditions_are_the_most() -> None:
    assert parse(grouped("all", *[DID] * (MOST_CONDITIONS - 1)))
    with pytest.raises(InvalidRule, match="more than 200 conditions"):
        parse(grouped("all", *[DID] * (MOST_CONDITIONS + 1)))


@pytest.mark.parametrize(
    "hostile",
    [
        None,
        3,
        [],
        "",
        "nope",
        b"\xff",
        "[]",
        {"type": "did", "event": float("nan")},
        {"type": "did", "event": "a\x00b"},
        {"type": "did", "event": "\ud800"},
        {"type": "did", "event": object()},
        {1: 2},
        {"type": {"type": "all"}},
        json.dumps({"type": "did", "event": "x" * 300_000}),
    ],
)
def test_what_is_no_rule_is_refused_in_words(hostile: Any) -> None:
    with pytest.raises(InvalidRule) as refused:
        parse(hostile)
    assert refused.value.message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "conditions", "field", "op", "value", "where", "window", "n"]),
            inner | st.sampled_from(["all", "did", "trait", "last", "cart", "is"]),
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_json_is_a_rule_or_refused(value: Any) -> None:
    try:
        rule = parse(value)
    except InvalidRule as refused:
        assert refused.message
    else:
        assert parse(rule.as_json()) == rule
