"""The brake: who fails for too many is paused, once, with the reason."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from segmind.campaigns import breaker
from segmind.campaigns.lifecycle import Status


def settle(desk: Any, campaign: Any, *, failed: int = 0, complained: int = 0) -> None:
    """Everything was accepted, but this many failed, and this many complained."""
    with desk.store.engine.begin() as conn:
        conn.execute(text("UPDATE message SET state = 3"))
        conn.execute(
            text(
                "UPDATE message SET state = 6 WHERE id IN"
                " (SELECT id FROM message ORDER BY id LIMIT :n)"
            ),
            {"n": failed},
        )
        conn.execute(
            text(
                "UPDATE message SET complained_at = :at WHERE id IN"
                " (SELECT id FROM message ORDER BY id DESC LIMIT :n)"
            ),
            {"n": complained, "at": desk.at(1)},
        )


def launched(desk: Any, recipients: int) -> Any:
    desk.customers(recipients)
    campaign = desk.campaign()
    desk.launch(campaign)
    desk.make_messages()
    return campaign


def test_a_campaign_that_fails_for_too_many_is_paused_once(desk: Any) -> None:
    campaign = launched(desk, 300)
    settle(desk, campaign, failed=40)
    assert breaker.pause_failing(desk.store, desk.at(1)) == [campaign.id]
    paused = desk.get(campaign)
    assert paused.status is Status.PAUSED
    assert paused.problem == "40 of the first 300 messages failed for good."
    assert desk.source(campaign) == "paused"
    desk.move("resume", campaign, 2)  # somebody has looked at it
    assert breaker.pause_failing(desk.store, desk.at(3)) == []


def test_a_text_that_the_provider_refuses_pauses_it_sooner(desk: Any) -> None:
    campaign = launched(desk, 600)
    settle(desk, campaign, failed=12)
    assert breaker.pause_failing(desk.store, desk.at(1)) == []
    with desk.store.engine.begin() as conn:
        conn.execute(text("UPDATE message SET error_class = 'content' WHERE state = 6"))
    assert breaker.pause_failing(desk.store, desk.at(1)) == [campaign.id]
    assert "refuses the text of 12 of the first 600" in (desk.get(campaign).problem or "")


def test_complaints_pause_it_too(desk: Any) -> None:
    campaign = launched(desk, 1_000)
    settle(desk, campaign, complained=10)
    assert breaker.pause_failing(desk.store, desk.at(1)) == [campaign.id]
    assert "called it spam" in (desk.get(campaign).problem or "")


def test_a_few_failures_and_a_small_share_are_borne(desk: Any) -> None:
    campaign = launched(desk, 600)
    settle(desk, campaign, failed=20, complained=1)
    assert breaker.pause_failing(desk.store, desk.at(1)) == []
    settle(desk, campaign, failed=30)
    assert breaker.pause_failing(desk.store, desk.at(1)) == []  # exactly 5 %
