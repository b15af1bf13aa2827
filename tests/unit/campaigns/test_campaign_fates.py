"""From the segment to delivered: whatever became of people, the steps add up to the last one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from segmind.audiences.waterfall import Reason, Waterfall
from segmind.campaigns.fates import Counted, add_up
from segmind.campaigns.pace import Left, estimate, tightest
from segmind.channels.channel import Channel
from segmind.messages.lifecycle import Delivery, State

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
WHY = st.sampled_from([None, "suppressed", "no_consent", "30007", "rejected", "cancelled", "odd"])
COUNTED = st.lists(
    st.builds(
        Counted,
        st.sampled_from(State),
        st.sampled_from(Delivery),
        WHY,
        st.integers(0, 1_000),
    ),
    max_size=40,
)
REMOVED = st.dictionaries(
    st.sampled_from([reason.value for reason in Reason]), st.integers(0, 500), max_size=8
)


@settings(max_examples=60)
@given(COUNTED, REMOVED, st.integers(0, 2_000), st.booleans(), st.booleans())
def test_the_steps_add_up_to_the_last_person(
    counted: list[Counted],
    removed: dict[str, int],
    not_queued: int,
    stopped: bool,
    with_waterfall: bool,
) -> None:
    total = sum(each.count for each in counted)
    audience = total + not_queued
    waterfall = Waterfall.of(audience + sum(removed.values()), removed).as_json()
    steps = add_up(waterfall if with_waterfall else None, audience, counted, stopped)
    for one, following in pairwise(steps):
        assert following.remaining == one.remaining - following.removed
        assert following.removed >= 0
    delivered = sum(
        each.count
        for each in counted
        if each.state is State.ACCEPTED and each.delivery is Delivery.DELIVERED
    )
    assert steps[-1].remaining == delivered
    assert steps[0].remaining - sum(step.removed for step in steps) == delivered
    if with_waterfall:
        assert steps[0].remaining == audience + sum(removed.values())
    assert len({(step.stage, step.key) for step in steps}) == len(steps)


def test_without_anything_there_is_nobody() -> None:
    steps = add_up(None, None, [], False)
    assert [step.remaining for step in steps] == [0, 0]


def test_the_slower_of_limit_and_pace_decides_when_it_ends() -> None:
    left = Left(messages=1_000, units=2_000)
    limited = estimate(left, 10.0, 100.0, Channel.SMS, NOW)
    assert (limited.at, limited.by) == (NOW + timedelta(seconds=200), "limit")
    assert limited.unit == "parts"
    slow = estimate(left, 1_000.0, 5.0, Channel.SMS, NOW)
    assert (slow.at, slow.by) == (NOW + timedelta(seconds=200), "pace")
    assert estimate(left, None, 0.0, Channel.SMS, NOW).at is None
    assert estimate(Left(0, 0), 10.0, 5.0, Channel.EMAIL, NOW).at is None


def test_the_smallest_limit_of_provider_sender_and_campaign_counts() -> None:
    limits = {"twilio": 50.0, "twilio:+15005550006": 3.0, "twilio2": 1.0, "sendgrid": 2.0}
    assert tightest(limits, "twilio", None) == 3.0
    assert tightest(limits, "twilio", 2.0) == 2.0
    assert tightest(limits, "sandbox", None) is None
