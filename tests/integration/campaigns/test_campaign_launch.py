"""Launching: one audience, whole, once, however often it is interrupted."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import text

from segmind.api.read_ahead import read_ahead
from segmind.campaigns import launch as launching
from segmind.campaigns.lifecycle import IllegalMove, Status
from segmind.campaigns.progress import progress
from segmind.campaigns.review import NotLaunchable
from segmind.db import migrations
from segmind.errors import InvalidInput


class Killed(BaseException):
    """Stands for kill -9: nothing catches it, the open transaction is lost."""


def test_the_audience_goes_into_the_outbox_whole(desk: Any) -> None:
    desk.customers(7)
    desk.customers(2, "no", email_consent="0")
    campaign = desk.campaign()
    assert desk.launch(campaign) is Status.SENDING
    after = desk.get(campaign)
    assert (after.audience_size, desk.recipients(), desk.count("campaign_exclusion")) == (
        7,
        7,
        2,
    )
    assert after.waterfall is not None
    assert (after.waterfall["segment"], after.waterfall["recipients"]) == (9, 7)
    assert after.frozen_at is not None
    assert desk.source(campaign) == "open"
    # Nobody is a message before his turn comes.
    assert (desk.count("message"), desk.waiting()) == (0, 0)


def test_a_large_audience_is_a_row_for_some_hundred(desk: Any) -> None:
    desk.customers(1_203)
    desk.launch(desk.campaign())
    assert desk.rows("SELECT size FROM recipient_portion ORDER BY id") == [(500,), (500,), (203,)]


def test_the_holdout_is_kept_out_and_recorded(desk: Any) -> None:
    desk.customers(200)
    campaign = desk.campaign(holdout_percent=20.0)
    desk.launch(campaign)
    held = desk.rows("SELECT count(*) FROM campaign_exclusion WHERE reason = 'holdout'")[0][0]
    assert 20 <= held <= 60
    assert held + desk.recipients() == 200


def test_the_lift_of_a_campaign_with_a_holdout_is_measured_when_serving_begins(desk: Any) -> None:
    desk.customers(200)
    campaign = desk.campaign(holdout_percent=20.0)
    before = read_ahead(desk.store, desk.at(0))
    desk.launch(campaign)
    assert read_ahead(desk.store, desk.at(60)) == before + 1


def test_launching_again_adds_nothing(desk: Any) -> None:
    desk.customers(5)
    campaign = desk.campaign()
    desk.launch(campaign)
    assert desk.launch(campaign, 1) is Status.SENDING
    assert desk.recipients() == 5
    assert desk.count("campaign_run") == 1


@pytest.mark.parametrize("dies_in", ["put_in", "_put_in", "_complete"])
def test_a_launch_that_was_killed_has_put_nobody_in_and_is_begun_again(
    desk: Any, monkeypatch: pytest.MonkeyPatch, dies_in: str
) -> None:
    desk.customers(10)
    desk.customers(2, "no", email_consent="0")
    campaign = desk.campaign()
    place = launching.portions if dies_in == "put_in" else launching
    step = getattr(place, dies_in)

    def step_and_die(*args: Any, **kwargs: Any) -> None:
        step(*args, **kwargs)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(place, dies_in, step_and_die)
        with pytest.raises(Killed):
            desk.launch(campaign)
    assert (desk.recipients(), desk.count("campaign_exclusion")) == (0, 0)
    assert desk.get(campaign).status is Status.LAUNCHING
    assert desk.source(campaign) == "paused"
    with desk.store.engine.connect() as conn:
        assert progress(conn, campaign.id, desk.at(1)).share == 0.0
    desk.launch(campaign, 30)
    after = desk.get(campaign)
    assert (after.status, after.audience_size, desk.recipients()) == (Status.SENDING, 10, 10)
    assert after.audience_as_of == desk.at(0)
    assert desk.count("campaign_exclusion") == 2


def test_several_schedulers_launch_one_campaign_once(desk: Any) -> None:
    desk.customers(40)
    campaign = desk.campaign()
    with ThreadPoolExecutor(4) as pool:
        for _ in range(3):
            list(pool.map(lambda _: desk.launch(campaign), range(4)))
    assert desk.get(campaign).status is Status.SENDING
    assert (desk.recipients(), desk.count("campaign_run")) == (40, 1)


def stop_in_the_middle(desk: Any, campaign: Any, patched: pytest.MonkeyPatch, move: str) -> None:
    """Somebody else pauses or cancels the launch when everybody is in and nothing committed."""
    put_in = launching._put_in

    def put_in_and_stop(*args: Any) -> Any:
        done = put_in(*args)
        desk.move(move, campaign)
        return done

    patched.setattr(launching, "_put_in", put_in_and_stop)


def test_whoever_cancels_a_launch_waits_for_nothing_and_nobody_is_in(
    desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.customers(10)
    campaign = desk.campaign()
    stop_in_the_middle(desk, campaign, monkeypatch, "cancel")
    assert desk.launch(campaign) is Status.CANCELLED
    assert (desk.recipients(), desk.count("campaign_exclusion")) == (0, 0)
    assert desk.source(campaign) == "cancelled"


def test_a_paused_launch_goes_on_when_resumed(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.customers(10)
    campaign = desk.campaign()
    with monkeypatch.context() as patched:
        stop_in_the_middle(desk, campaign, patched, "pause")
        assert desk.launch(campaign) is Status.PAUSED
    assert desk.launch(campaign) is Status.PAUSED
    assert desk.recipients() == 0
    assert desk.move("resume", campaign).status is Status.LAUNCHING
    assert desk.launch(campaign) is Status.SENDING
    assert desk.recipients() == 10


def test_a_launch_that_lost_somebody_is_paused_and_says_so(
    desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.customers(10)
    campaign = desk.campaign()
    put_in = launching.portions.put_in

    def put_in_but_one(*args: Any, **kwargs: Any) -> int:
        all_but_one = [*args]
        all_but_one[3] = args[3].tail(-1)
        return int(put_in(*all_but_one, **kwargs))

    monkeypatch.setattr(launching.portions, "put_in", put_in_but_one)
    assert desk.launch(campaign) is Status.PAUSED
    assert desk.get(campaign).problem == "The audience is 10, the outbox holds 9."


def test_an_upgrade_and_a_way_back_lose_nobody_who_waits(desk: Any) -> None:
    desk.customers(40)
    test = {"variants": [{"content": {**desk.email, "subject": "B"}}], "share_percent": 50}
    desk.launch(desk.campaign(variant_test=test))
    drawn, waiting = desk.recipients(), desk.waiting()
    script = ScriptDirectory(str(Path(migrations.__path__[0]))).get_revision("0013").module
    addresses = "SELECT unnest(addresses) FROM recipient_portion ORDER BY 1"
    before = desk.rows(f"{addresses}")
    with desk.store.engine.begin() as conn, Operations.context(MigrationContext.configure(conn)):
        script.downgrade()
        assert conn.execute(text("SELECT count(*) FROM message WHERE state = 0")).scalar() == drawn
        assert conn.execute(text("SELECT count(*) FROM campaign_recipient")).scalar() == waiting
        script.upgrade()
    assert (desk.recipients(), desk.waiting()) == (drawn, waiting)
    assert len(before) == drawn + waiting
    assert desk.count("message") == drawn


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
