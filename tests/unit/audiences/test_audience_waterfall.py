"""Every member is a recipient or excluded for exactly one reason, and the steps add up."""

from __future__ import annotations

import itertools
from collections import defaultdict
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from segmind.audiences.audience import Audience
from segmind.audiences.resolve import Terms, resolve
from segmind.audiences.waterfall import SEGMENT, Reason, Waterfall
from segmind.consent.purpose import Purpose
from segmind.events.schema import Channel
from segmind.experiments.holdouts import in_holdout
from tests.trying import examples

ADDRESSES = st.sampled_from(
    [None, "nope", "a@b.example", "A@b.example ", "c@d.example", "e@f.example"]
)
PERSON = st.fixed_dictionaries(
    {
        "email": ADDRESSES,
        "email_consent": st.sampled_from([None, 0, 1, 1]),
        "email_suppressed": st.booleans(),
        "is_member": st.booleans(),
        "is_excluded": st.sampled_from([True, False, False]),
        "is_capped": st.sampled_from([True, False, False]),
    }
)
SCHEMA = {
    "customer_id": pl.Int64(),
    "email": pl.String(),
    "email_consent": pl.Int8(),
    "email_suppressed": pl.Boolean(),
}


def resolved(people: list[dict[str, Any]], terms: Terms) -> Audience:
    rows = [{"customer_id": n, **p} for n, p in enumerate(people, start=1)]

    def ids(flag: str) -> pl.Series:
        chosen = [r["customer_id"] for r in rows if r[flag]]
        return pl.Series("customer_id", chosen, dtype=pl.Int64)

    customers = pl.DataFrame(
        [{k: r[k] for k in SCHEMA} for r in rows], schema=SCHEMA, orient="row"
    ).lazy()
    members, excluded = (ids(flag).to_frame().lazy() for flag in ("is_member", "is_excluded"))
    answer = resolve(customers, members, excluded, ids("is_capped"), terms)
    return Audience(answer.collect().sort("customer_id"))


def naive(people: list[dict[str, Any]], terms: Terms) -> dict[int, str | None]:
    """One reason per member, by looking at one after the other."""
    reasons: dict[int, str | None] = {}
    sharing: dict[str, list[tuple[bool, int]]] = defaultdict(list)
    members = {n: p for n, p in enumerate(people, start=1) if p["is_member"]}
    for n, p in members.items():
        address = (p["email"] or "").strip().lower()
        asks_consent = terms.purpose is Purpose.MARKETING
        refused = (p["email_consent"] != 1 and asks_consent) or p["email_suppressed"]
        if p["is_excluded"]:
            reasons[n] = "excluded_segment"
        elif not address:
            reasons[n] = "no_address"
        elif "@" not in address:
            reasons[n] = "invalid_address"
        else:
            sharing[address].append((refused, n))
    for sharers in sharing.values():
        _, keeper = min(sharers)
        for _, n in sharers:
            p = members[n]
            if n != keeper:
                reasons[n] = "duplicate_address"
            elif p["email_consent"] != 1 and terms.purpose is Purpose.MARKETING:
                reasons[n] = "no_consent"
            elif p["email_suppressed"]:
                reasons[n] = "suppressed"
            elif p["is_capped"]:
                reasons[n] = "frequency_cap"
            elif in_holdout(n, terms.salt, terms.holdout_percent):
                reasons[n] = "holdout"
            else:
                reasons[n] = None
    return reasons


TERMS = st.builds(
    Terms,
    channel=st.just(Channel.EMAIL),
    purpose=st.sampled_from([Purpose.MARKETING, Purpose.TRANSACTIONAL]),
    holdout_percent=st.sampled_from([0, 5, 50, 100]),
    salt=st.sampled_from(["spring", "autumn"]),
)


@settings(deadline=None, max_examples=examples(40))
@given(st.lists(PERSON, max_size=25), TERMS)
def test_every_member_has_one_reason_or_receives(people: list[dict], terms: Terms) -> None:
    audience = resolved(people, terms)
    assert dict(audience.resolved.select("customer_id", "reason").iter_rows()) == naive(
        people, terms
    )


@settings(deadline=None, max_examples=examples(30))
@given(st.lists(PERSON, max_size=40), TERMS)
def test_the_waterfall_adds_up_to_the_last_person(people: list[dict], terms: Terms) -> None:
    audience = resolved(people, terms)
    steps = audience.waterfall.steps
    assert steps[0].reason == SEGMENT
    assert steps[0].remaining == sum(p["is_member"] for p in people)
    for before, step in itertools.pairwise(steps):
        assert step.remaining == before.remaining - step.removed
        assert step.removed >= 0
    assert [s.reason for s in steps[1:]] == [r.value for r in Reason]
    assert steps[-1].remaining == audience.recipients.height
    assert audience.holdout.len() == audience.waterfall.removed(Reason.HOLDOUT)
    ids = pl.concat([audience.recipients["customer_id"], audience.exclusions["customer_id"]])
    assert ids.n_unique() == ids.len() == steps[0].remaining


@settings(deadline=None, max_examples=examples(30))
@given(st.lists(PERSON, max_size=25), TERMS)
def test_no_address_is_written_to_twice(people: list[dict], terms: Terms) -> None:
    addresses = resolved(people, terms).recipients["address"]
    assert addresses.null_count() == 0
    assert addresses.n_unique() == addresses.len()


def test_a_mailbox_goes_to_the_customer_who_said_yes() -> None:
    no = {"email": "a@b.example", "email_consent": 0, "email_suppressed": False}
    yes = {"email": "A@B.example", "email_consent": 1, "email_suppressed": False}
    flags = {"is_member": True, "is_excluded": False, "is_capped": False}
    audience = resolved([no | flags, yes | flags], Terms(Channel.EMAIL))
    assert audience.recipients.rows() == [(2, "a@b.example")]
    assert audience.exclusions.rows() == [(1, "duplicate_address")]


def test_a_waterfall_as_json_says_every_step() -> None:
    waterfall = Waterfall.of(10, {"no_consent": 3, "holdout": 1})
    written = waterfall.as_json()
    assert (written["segment"], written["recipients"]) == (10, 6)
    by_reason = {s["reason"]: s for s in written["steps"]}
    assert by_reason["no_consent"]["removed"] == 3
    assert by_reason["holdout"] == {
        "reason": "holdout",
        "label": "Holdout",
        "removed": 1,
        "remaining": 6,
    }
