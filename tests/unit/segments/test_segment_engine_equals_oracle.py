"""The engine's answer is the oracle's, for random rules over random logs."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from segment_oracle import World
from segment_worlds import FAMILIES, facts_of, rules, worlds

from segmind.segments.compile import matching, matching_many
from segmind.segments.describe import describe
from segmind.segments.explain import explain
from segmind.segments.rule import Rule, parse
from tests.trying import examples

RELAXED = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def resolver(world: World):
    return lambda n: parse(world.segments[n]) if n in world.segments else None


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_of_conditions_agrees_with_the_oracle(family: str) -> None:
    @settings(RELAXED, max_examples=examples(6 if family == "did" else 3))
    @given(worlds(), st.lists(FAMILIES[family], min_size=8, max_size=16))
    def agrees(world: World, given_rules: list[dict]) -> None:
        check_members(world, given_rules)

    agrees()


@settings(RELAXED, max_examples=examples(8))
@given(worlds(), st.lists(rules(), min_size=6, max_size=12))
def test_whole_rules_agree_with_the_oracle(world: World, given_rules: list[dict]) -> None:
    check_members(world, given_rules)


def check_members(world: World, given_rules: list[dict]) -> None:
    facts = facts_of(world)
    parsed = {n: parse(rule) for n, rule in enumerate(given_rules)}
    world.segments = {n: parse(rule).as_json() for n, rule in world.segments.items()}
    many = matching_many(parsed, facts, world.as_of, resolver(world))
    for n, rule in parsed.items():
        note(f"{rule.as_json()}")
        expected = sorted(world.members(rule.as_json()))
        assert many[n].to_list() == expected
        one = matching(rule, facts, world.as_of, resolver(world)).collect()["customer_id"]
        assert sorted(one.to_list()) == expected


@settings(RELAXED, max_examples=examples(12))
@given(worlds(), rules(), st.sampled_from([1, 2, 3, 4]))
def test_explaining_gives_the_verdict_of_every_condition(
    world: World, rule: dict, customer: int
) -> None:
    facts = facts_of(world)
    world.segments = {n: parse(rule).as_json() for n, rule in world.segments.items()}
    parsed = parse(rule)
    tree = explain(parsed, facts, customer, world.as_of, resolver(world))
    members = matching(parsed, facts, world.as_of, resolver(world)).collect()["customer_id"]
    assert tree.met == (customer in members.to_list())
    assert bool(list(tree.against())) == (not tree.met)
    if world.is_unknown:
        assert not tree.children
        return

    def check(node, json) -> None:
        assert node.met == world.meets(json, customer), json
        assert node.sentence
        inner = json.get("conditions") or (
            [world.segments[json["segment_id"]]] if json["type"] == "in_segment" else []
        )
        for child, child_json in zip(node.children, inner, strict=True):
            check(child, child_json)

    check(tree, parsed.as_json())


@settings(RELAXED, max_examples=examples(40))
@given(rules())
def test_every_rule_can_be_described_and_read_back(rule: dict) -> None:
    parsed = parse(rule)
    text = describe(parsed)
    assert text.endswith(".")
    assert text[0].isupper()
    again = parse(parsed.as_json())
    assert again == parsed
    assert again.hash == parsed.hash
    assert isinstance(again, Rule)
