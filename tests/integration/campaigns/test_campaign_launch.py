"""Launching: one audience, whole, once, however often it is interrupted."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segmind.campaigns import launch as launching
from segmind.campaigns.lifecycle import IllegalMove, Status
from segmind.campaigns.review import NotLaunchable
from segmind.errors import InvalidInput


class Killed(BaseException):
    """Stands for kill -9: nothing catches it, the open transaction is lost."""


def test_the_audience_goes_into_the_outbox_whole(desk: Any) -> None:
    desk.customers(7)
    desk.customers(2, "no", email_consent="0")
    campaign = desk.campaign()
    assert desk.launch(campaign) is Status.SENDING
    after = desk.get(campaign)
    assert (after.audience_size, desk.count("message"), desk.count("campaign_exclusion")) == (
        7,
        7,
        2,
    )
    assert after.waterfall is not None
    assert (after.waterfall["segment"], after.waterfall["recipients"]) == (9, 7)
    assert after.frozen_at is not None
    assert desk.source(campaign) == "open"
    assert desk.count("campaign_recipient") == 0


def test_the_holdout_is_kept_out_and_recorded(desk: Any) -> None:
    desk.customers(200)
    campaign = desk.campaign(holdout_percent=20.0)
    desk.launch(campaign)
    held = desk.rows("SELECT count(*) FROM campaign_exclusion WHERE reason = 'holdout'")[0][0]
    assert 20 <= held <= 60
    assert held + desk.count("message") == 200


def test_launching_again_adds_nothing(desk: Any) -> None:
    desk.customers(5)
    campaign = desk.campaign()
    desk.launch(campaign)
    assert desk.launch(campaign, 1) is Status.SENDING
    assert desk.count("message") == 5
    assert desk.count("campaign_run") == 1


@pytest.mark.parametrize("dies_in", [0, 1, 2])
def test_a_launch_that_was_killed_ends_with_the_same_audience(
    desk: Any, monkeypatch: pytest.MonkeyPatch, dies_in: int
) -> None:
    desk.customers(10)
    campaign = desk.campaign()
    monkeypatch.setattr(launching, "PORTION", 4)
    calls = [0]
    enqueue = launching.outbox.enqueue_many

    def enqueue_and_die(*args: Any, **kwargs: Any) -> int:
        new = enqueue(*args, **kwargs)
        calls[0] += 1
        if calls[0] - 1 == dies_in:
            raise Killed
        return new

    monkeypatch.setattr(launching.outbox, "enqueue_many", enqueue_and_die)
    with pytest.raises(Killed):
        desk.launch(campaign)
    assert desk.get(campaign).status is Status.LAUNCHING
    assert desk.source(campaign) == "paused"  # nothing leaves before the audience is whole
    # The world moves on between the two: the frozen audience does not.
    desk.customers(3, "late")
    desk.launch(campaign, 30)
    after = desk.get(campaign)
    assert (after.status, after.audience_size, desk.count("message")) == (Status.SENDING, 10, 10)
    assert desk.rows("SELECT count(*) FROM message WHERE address LIKE 'late%'")[0][0] == 0


def test_a_launch_killed_before_its_audience_is_stored_draws_it_as_of_its_beginning(
    desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.customers(4)
    campaign = desk.campaign()

    def die(*_args: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(launching, "_store_audience", die)
        with pytest.raises(Killed):
            desk.launch(campaign)
    desk.launch(campaign, 45)
    after = desk.get(campaign)
    assert after.audience_as_of == desk.at(0)
    assert desk.count("message") == 4


def test_several_schedulers_launch_one_campaign_once(
    desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.customers(40)
    campaign = desk.campaign()
    monkeypatch.setattr(launching, "PORTION", 7)
    with ThreadPoolExecutor(4) as pool:
        for _ in range(3):
            list(pool.map(lambda _: desk.launch(campaign), range(4)))
    assert desk.get(campaign).status is Status.SENDING
    assert (desk.count("message"), desk.count("campaign_run")) == (40, 1)


def test_a_cancelled_launch_stops_between_two_portions(
    desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.customers(10)
    campaign = desk.campaign()
    monkeypatch.setattr(launching, "PORTION", 4)
    take = launching._take

    def take_and_cancel(*args: Any) -> bool:
        more = take(*args)
        if more and desk.count("message") == 4:
            desk.move("cancel", campaign)
        return more

    monkeypatch.setattr(launching, "_take", take_and_cancel)
    assert desk.launch(campaign) is Status.CANCELLED
    assert desk.count("message") == 4
    assert desk.source(campaign) == "cancelled"
    assert desk.count("campaign_recipient") == 0


def test_a_paused_launch_goes_on_when_resumed(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.customers(10)
    campaign = desk.campaign()
    monkeypatch.setattr(launching, "PORTION", 4)
    take = launching._take

    def take_and_pause(*args: Any) -> bool:
        more = take(*args)
        if more and desk.count("message") == 4:
            desk.move("pause", campaign)
        return more

    with monkeypatch.context() as patched:
        patched.setattr(launching, "_take", take_and_pause)
        assert desk.launch(campaign) is Status.PAUSED
    assert desk.launch(campaign) is Status.PAUSED
    assert desk.move("resume", campaign).status is Status.LAUNCHING
    assert desk.launch(campaign) is Status.SENDING
    assert desk.count("message") == 10


def test_what_is_cancelled_is_never_launched(desk: Any) -> None:
    desk.customers(1)
    campaign = desk.campaign()
    desk.move("cancel", campaign)
    assert desk.launch(campaign) is Status.CANCELLED
    assert desk.count("message") == 0


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"segment_id": None}, "segment_id"),
        ({"content": None}, "content"),
        ({"content": {"channel": "email", "subject": "{{ first_nam", "body": "x"}}, "content"),
        ({"content": {"channel": "fax"}}, "content"),
        ({"content": {"channel": "sms", "body": "Hi"}}, "content"),
    ],
)
def test_what_cannot_be_sent_is_not_launched(desk: Any, values: Any, field: str) -> None:
    desk.customers(1)
    campaign = desk.campaign(**values)
    with pytest.raises((NotLaunchable, InvalidInput)) as caught:
        desk.launch(campaign)
    assert (caught.value.field or "").startswith(field)
    assert desk.get(campaign).status is Status.DRAFT
    assert desk.count("message") == 0


def test_an_email_without_a_postal_address_is_not_launched(desk: Any) -> None:
    from segmind.workspace import product_settings

    desk.customers(1)
    campaign = desk.campaign()
    with desk.store.engine.begin() as conn:
        product_settings.save(conn, {"postal_address": ""}, "test", desk.at(0))
    with pytest.raises(NotLaunchable):
        desk.launch(campaign)


def test_a_finished_campaign_cannot_be_paused(desk: Any) -> None:
    desk.customers(1)
    campaign = desk.campaign()
    desk.move("cancel", campaign)
    with pytest.raises(IllegalMove):
        desk.move("pause", campaign)


@given(kills=st.lists(st.integers(0, 6), max_size=6), portion=st.integers(1, 9))
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_killed_anywhere_any_number_of_times_nobody_is_lost_or_doubled(
    desk: Any, kills: list[int], portion: int
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(launching, "PORTION", portion)
        if desk.count("customer") == 0:
            desk.customers(12)
        campaign = desk.campaign()
        take = launching._take
        for after in [*kills, 1_000]:
            steps = [0]

            def take_or_die(*args: Any, steps: Any = steps, after: int = after) -> bool:
                steps[0] += 1
                if steps[0] > after:
                    raise Killed
                return take(*args)

            patched.setattr(launching, "_take", take_or_die)
            try:
                desk.launch(campaign)
            except Killed:
                continue
    sent = desk.rows(
        "SELECT count(*), count(DISTINCT customer_id) FROM message WHERE source_id = :id",
        id=campaign.id,
    )[0]
    assert tuple(sent) == (12, 12)
    assert desk.get(campaign).status is Status.SENDING
