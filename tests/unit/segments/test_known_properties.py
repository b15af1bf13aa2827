"""A rule about a property that does not exist, or never holds such values, is refused by path."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from segmind.customers.facts import Facts
from segmind.segments.fault import InvalidRule
from segmind.segments.known import check
from segmind.segments.rule import parse

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
RARE = {"rare": 7}


@pytest.fixture(scope="module")
def facts() -> Facts:
    """Views with sizes (texts), weights (numbers) and days; one among thousands has ``rare``."""
    usual = {"size": "XL", "weight": 2.5, "due": "2026-04-01", "gift": True, "code": "17"}
    held = [usual] * 3_000 + [RARE]
    rows = [(n % 5, 1, NOW, json.dumps(each)) for n, each in enumerate(held)]
    rows += [(1, 5, NOW, json.dumps({"voucher": "SPRING"})), (1, 2, NOW, None)]
    events = pl.DataFrame(
        rows,
        schema={"customer_id": pl.Int64, "kind": pl.Int16, "ts": pl.Datetime("us", "UTC"),
                "properties": pl.String},
        orient="row",
    )  # fmt: skip
    people = pl.DataFrame(
        {"customer_id": [1, 2], "traits": ['{"tier": "gold", "points": 5}', "{}"]}
    )
    return Facts.of(events, people)


def view(op: str, value: Any = None, name: str = "size", event: str = "product_viewed") -> dict:
    where = [{"field": f"properties.{name}", "op": op, "value": value}]
    return {"type": "did", "event": event, "where": where}


def trait(op: str, value: Any, name: str = "tier") -> dict[str, Any]:
    return {"type": "trait", "field": f"traits.{name}", "op": op, "value": value}


FINE = [
    view("is", "XL"),
    view("is_set"),
    view("contains", "2", "weight"),
    view("at_least", 2, "weight"),
    view("at_least", 2, "code"),  # a text that is a number
    view("any_of", [7, 8], "rare"),
    view("before", "2026-05-01", "due"),
    view("in_month", "current", "due"),
    view("between", ["2026-01-01", "2026-05-01"], "due"),
    view("is", True, "gift"),
    view("is", "SPRING", "voucher", "order"),
    view("is", "SPRING", "voucher", "order_completed"),
    trait("is", "gold"),
    trait("at_most", 9, "points"),
]


@pytest.mark.parametrize("rule", FINE)
def test_what_exists_may_be_asked(facts: Facts, rule: dict[str, Any]) -> None:
    check(parse(rule), facts)


REFUSED = [
    (view("is", "XL", "sise"), "where[0].field", "No such event has properties.sise.", "size"),
    (view("is", "XL", "voucher"), "where[0].field", "No such event has", "properties."),
    (view("is", "XL", "size", "product_added"), "where[0].field", "No such event", "none at all"),
    (view("at_least", 3), "where[0].value", "properties.size is never a number.", '"XL"'),
    (view("none_of", [1, 2]), "where[0].value", "never a number", '"XL"'),
    (view("between", [1, 2]), "where[0].value", "never a number", '"XL"'),
    (view("in_last_days", 3), "where[0].value", "never a day", '"XL"'),
    (view("after", "2026-01-01", "weight"), "where[0].value", "never a day", "2.5"),
    (view("is", False), "where[0].value", "never true or false", '"XL"'),
    (trait("is", "gold", "tir"), "field", "No customer has traits.tir.", "traits.tier"),
    (trait("greater", 3), "value", "traits.tier is never a number.", '"gold"'),
]


@pytest.mark.parametrize(("rule", "path", "message", "hint"), REFUSED)
def test_what_does_not_is_refused_with_what_there_is(
    facts: Facts, rule: dict[str, Any], path: str, message: str, hint: str
) -> None:
    group = {"type": "all", "conditions": [{"type": "any", "conditions": [rule]}]}
    with pytest.raises(InvalidRule) as refused:
        check(parse(group), facts)
    assert refused.value.field == f"all[0].any[0].{path}"
    assert message in refused.value.message
    assert hint in refused.value.hint


def test_fields_whose_values_are_counted_must_exist(facts: Facts) -> None:
    rule = {"type": "did", "event": "product_viewed", "metric": "distinct_values"}
    check(parse({**rule, "of": "properties.rare"}), facts)
    with pytest.raises(InvalidRule) as refused:
        check(parse({**rule, "of": "properties.rarely"}), facts)
    assert refused.value.field == "of"


def test_every_part_of_a_rule_is_looked_at(facts: Facts) -> None:
    wrong = {"event": "product_viewed", "where": view("is", "x", "no")["where"]}
    for rule, path in [
        ({"type": "sequence", "first": {"event": "order"}, "then": wrong}, "then.where[0].field"),
        ({"type": "same_day", "acts": [{"event": "order"}], "without": [wrong]},
         "without[0].where[0].field"),
        ({"type": "rate", "per": "product_viewed", "per_where": wrong["where"], "ratio": 1,
          "op": "at_least"}, "per_where[0].field"),
    ]:  # fmt: skip
        with pytest.raises(InvalidRule) as refused:
            check(parse(rule), facts)
        assert refused.value.field == path
