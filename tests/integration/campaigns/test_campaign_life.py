"""A campaign's life: drafts, schedules, pauses, the review before and the report after."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from segmind.campaigns import campaign as campaigns
from segmind.campaigns import moves, progress, report, review, tend, trial
from segmind.campaigns.campaign import InvalidCampaign, NotEditable, UnknownCampaign
from segmind.campaigns.fates import fates
from segmind.campaigns.lifecycle import IllegalMove, Status
from segmind.channels.channel import Channel
from segmind.channels.providers.sandbox import MemoryLedger
from segmind.channels.registry import build
from segmind.messages.dispatch import Dispatcher
from segmind.messages.lifecycle import State
from segmind.messages.outbox import KeyReused
from segmind.segments import segment


def send(desk: Any, minute: float = 0) -> None:
    """Hand over what is due at that minute."""
    registry = build(desk.store.settings, ledger=MemoryLedger())
    Dispatcher(desk.store, registry, now=lambda: desk.at(minute), seed=1).run_until_idle()


# --- drafts --------------------------------------------------------------------------------------


def test_a_draft_takes_the_workspaces_holdout(desk: Any) -> None:
    draft = desk.campaign(holdout_percent=None)
    assert (draft.status, draft.holdout_percent, draft.channel) == (
        Status.DRAFT,
        5.0,
        Channel.EMAIL,
    )


def test_the_same_key_makes_one_campaign(desk: Any) -> None:
    asked = {"idempotency_key": "k", "holdout_percent": 33.333}
    first, again = desk.campaign(**asked), desk.campaign(**asked)
    assert first.id == again.id
    for other in ({"name": "Other"}, {"holdout_percent": 7.5}, {"content": {"channel": "email"}}):
        with pytest.raises(KeyReused) as refused:
            desk.campaign(**asked | other)
        assert refused.value.field == "idempotency_key"
    desk.launch(first)  # freezes the text
    assert desk.campaign(**asked).id == first.id
    assert desk.count("campaign") == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "  "}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"segment_id": 999}, "segment_id"),
        ({"segment_id": "1"}, "segment_id"),
        ({"exclude_segment_ids": [999]}, "exclude_segment_ids"),
        ({"exclude_segment_ids": 1}, "exclude_segment_ids"),
        ({"channel": "fax"}, "channel"),
        ({"holdout_percent": 51}, "holdout_percent"),
        ({"holdout_percent": "5"}, "holdout_percent"),
        ({"rate_per_second": 0}, "rate_per_second"),
        ({"content": "Hello"}, "content"),
        ({"status": "sent"}, "status"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_by_name(
    desk: Any, changes: dict[str, Any], field: str
) -> None:
    draft = desk.campaign()
    with pytest.raises(InvalidCampaign) as caught, desk.store.engine.begin() as conn:
        campaigns.update(conn, draft.id, changes, desk.now, "test")
    assert caught.value.field == field
    assert desk.get(draft) == draft


def test_an_edit_lets_go_of_the_version_that_was_frozen(desk: Any) -> None:
    draft = desk.campaign()
    scheduled = desk.move("send_now", draft)
    assert scheduled.template_version_id is not None
    desk.move("back_to_draft", draft)
    with desk.store.engine.begin() as conn:
        edited = campaigns.update(
            conn, draft.id, {"content": desk.email | {"subject": "New"}}, desk.now, "test"
        )
    assert edited.template_version_id is None
    again = desk.move("send_now", draft)
    assert again.template_version_id not in {None, scheduled.template_version_id}


def test_an_unchanged_text_keeps_its_version(desk: Any) -> None:
    draft = desk.campaign()
    first = desk.move("send_now", draft)
    desk.move("back_to_draft", draft)
    assert desk.move("send_now", draft).template_version_id == first.template_version_id


def test_what_is_scheduled_cannot_be_edited(desk: Any) -> None:
    draft = desk.campaign()
    desk.move("send_now", draft)
    with pytest.raises(NotEditable), desk.store.engine.begin() as conn:
        campaigns.update(conn, draft.id, {"name": "Other"}, desk.now, "test")


def test_a_copy_is_a_draft_of_its_own(desk: Any) -> None:
    desk.customers(1)
    draft = desk.campaign()
    desk.launch(draft)
    with desk.store.engine.begin() as conn:
        copied = campaigns.copy(conn, draft.id, desk.now, "test")
    assert (copied.status, copied.content, copied.segment_id) == (
        Status.DRAFT,
        draft.content,
        draft.segment_id,
    )


def test_an_unknown_campaign_is_said_to_be_so(desk: Any) -> None:
    with pytest.raises(UnknownCampaign), desk.store.engine.connect() as conn:
        campaigns.get(conn, 77)


# --- schedules -----------------------------------------------------------------------------------


def schedule(desk: Any, campaign: Any, at: datetime, minute: float = 0) -> Any:
    with desk.store.engine.begin() as conn:
        return moves.schedule(conn, campaign.id, at, desk.at(minute), "test")


def test_a_scheduled_campaign_starts_at_its_time_and_not_before(desk: Any) -> None:
    desk.customers(2)
    draft = desk.campaign()
    schedule(desk, draft, desk.at(30).astimezone(ZoneInfo("Asia/Tokyo")))
    tend.start_due(desk.store, desk.at(29))
    assert desk.get(draft).status is Status.SCHEDULED
    assert tend.start_due(desk.store, desk.at(30)).launched == (draft.id,)
    assert desk.get(draft).status is Status.SENDING


def test_a_schedule_that_is_hours_late_asks_a_person(desk: Any) -> None:
    desk.customers(2)
    draft = desk.campaign()
    schedule(desk, draft, desk.at(30))
    late = 30 + 2 * 60 + 1
    assert tend.start_due(desk.store, desk.at(late)).missed == (draft.id,)
    missed = desk.get(draft)
    assert missed.status is Status.MISSED
    assert "2.0 hours ago" in (missed.problem or "")
    assert desk.count("message") == 0
    schedule(desk, draft, desk.at(late), late)  # confirmed
    tend.start_due(desk.store, desk.at(late))
    assert (desk.get(draft).status, desk.get(draft).problem) == (Status.SENDING, None)


def test_a_short_delay_is_no_reason_to_ask(desk: Any) -> None:
    desk.customers(2)
    draft = desk.campaign()
    schedule(desk, draft, desk.at(30))
    tend.start_due(desk.store, desk.at(30 + 119))
    assert desk.get(draft).status is Status.SENDING


def test_a_moment_without_a_zone_far_away_or_long_past_is_refused(desk: Any) -> None:
    draft = desk.campaign()
    year = timedelta(days=365)
    for at in (
        datetime(2026, 3, 3, 9),  # noqa: DTZ001
        desk.at(0) + year * 1.1,
        desk.at(0) - year,  # a slip in the year must not send at once
        desk.at(-121),
    ):
        with pytest.raises(InvalidCampaign) as refused:
            schedule(desk, draft, at)
        assert refused.value.field == "scheduled_at"
    assert desk.get(draft).status is Status.DRAFT
    assert schedule(desk, draft, desk.at(-1)).scheduled_at == desk.at(0)


def test_one_that_cannot_be_launched_stops_no_other(desk: Any) -> None:
    desk.customers(2)
    broken, good = desk.campaign(), desk.campaign()
    for campaign in (broken, good):
        desk.move("send_now", campaign)
    with desk.store.engine.begin() as conn:
        conn.execute(
            text("UPDATE campaign SET segment_id = NULL WHERE id = :id"), {"id": broken.id}
        )
    started = tend.start_due(desk.store, desk.at(0))
    assert (started.launched, started.failed) == ((good.id,), (broken.id,))
    assert desk.get(broken).status is Status.MISSED
    assert "No segment is chosen" in (desk.get(broken).problem or "")
    assert desk.get(good).status is Status.SENDING


# --- sending -------------------------------------------------------------------------------------


def test_a_campaign_is_sent_when_its_last_message_is_settled(desk: Any) -> None:
    desk.customers(3)
    campaign = desk.campaign()
    desk.launch(campaign)
    assert tend.finish_done(desk.store, desk.at(1)) == []
    send(desk)
    assert tend.finish_done(desk.store, desk.at(1)) == [campaign.id]
    done = desk.get(campaign)
    assert (done.status, done.finished_at) == (Status.SENT, desk.at(1))


def test_a_campaign_with_a_message_in_doubt_is_not_finished(desk: Any) -> None:
    desk.customers(3)
    campaign = desk.campaign()
    desk.launch(campaign)
    send(desk)
    with desk.store.engine.begin() as conn:
        conn.execute(text("UPDATE message SET state = 5 WHERE id = (SELECT min(id) FROM message)"))
    assert tend.finish_done(desk.store, desk.at(1)) == []


def test_an_audience_of_nobody_is_finished_at_once(desk: Any) -> None:
    campaign = desk.campaign()
    desk.launch(campaign)
    assert tend.finish_done(desk.store, desk.at(1)) == [campaign.id]


def test_while_paused_nothing_leaves_and_afterwards_everything_does(desk: Any) -> None:
    desk.customers(5)
    campaign = desk.campaign()
    desk.launch(campaign)
    desk.move("pause", campaign)
    send(desk, 1)
    assert (desk.count("message"), desk.recipients()) == (0, 5)
    desk.move("resume", campaign, 2)
    send(desk, 3)
    assert desk.rows("SELECT state, count(*) FROM message GROUP BY 1") == [(State.ACCEPTED, 5)]


def test_a_long_pause_costs_no_message(desk: Any) -> None:
    desk.customers(5)
    campaign = desk.campaign()
    desk.launch(campaign)
    desk.move("pause", campaign)
    three_days = 3 * 24 * 60
    desk.move("resume", campaign, three_days)
    send(desk, three_days + 1)
    assert desk.rows("SELECT state, count(*) FROM message GROUP BY 1") == [(State.ACCEPTED, 5)]


def test_what_is_cancelled_sends_nothing_more(desk: Any) -> None:
    desk.customers(5)
    campaign = desk.campaign()
    desk.launch(campaign)
    desk.move("cancel", campaign)
    send(desk, 1)
    assert (desk.count("message"), desk.recipients()) == (0, 5)
    with desk.store.engine.connect() as conn:
        steps = fates(conn, desk.get(campaign))
    assert [(s.label, s.removed) for s in steps if s.stage == "under way"] == [
        ("Stopped before they left", 5)
    ]
    # They stay to be counted; where they could have been reached is no longer known.
    assert desk.rows("SELECT addresses FROM recipient_portion") == [([None] * 5,)]
    with pytest.raises(IllegalMove):
        desk.move("resume", campaign)


def test_progress_adds_up_and_ends_at_one(desk: Any) -> None:
    desk.customers(5)
    campaign = desk.campaign()
    desk.launch(campaign)
    with desk.store.engine.connect() as conn:
        before = progress.progress(conn, campaign.id, desk.at(0))
    assert (before.audience, before.enqueued, before.settled, before.eta) == (5, 5, 0, None)
    send(desk)
    with desk.store.engine.connect() as conn:
        after = progress.progress(conn, campaign.id, desk.at(0.5))
    assert (after.states, after.share) == ({State.ACCEPTED: 5}, 1.0)
    assert after.rate > 0


# --- review and test -----------------------------------------------------------------------------


def test_a_review_shows_the_waterfall_the_cost_and_no_problem(desk: Any) -> None:
    desk.customers(20)
    desk.customers(5, "no", email_consent="0", sms_consent="0")
    campaign = desk.campaign(channel="sms", content=desk.sms)
    seen = review.review(desk.store, campaign.id, desk.now)
    assert seen.launchable, seen.problems
    assert seen.waterfall is not None
    assert (seen.waterfall.segment, seen.waterfall.recipients) == (25, 20)
    assert seen.cost is not None
    assert (seen.cost.recipients, seen.cost.parts, seen.cost.total_micros) == (20, 1.0, 20 * 7_900)
    assert desk.count("message") == 0


def test_long_texts_cost_by_their_parts(desk: Any) -> None:
    desk.customers(4)
    long = {"channel": "sms", "body": "x" * 200 + " Reply STOP to opt out."}
    seen = review.review(desk.store, desk.campaign(channel="sms", content=long).id, desk.now)
    assert seen.cost is not None
    assert (seen.cost.parts, seen.cost.total_micros) == (2.0, 4 * 2 * 7_900)


def test_a_review_says_what_stands_in_the_way(desk: Any) -> None:
    empty = desk.campaign(segment_id=None, content=None)
    fields = {finding.field for finding in review.review(desk.store, empty.id, desk.now).problems}
    assert fields == {"segment_id", "content"}
    nobody = desk.campaign()
    (problem,) = review.review(desk.store, nobody.id, desk.now).problems
    assert problem.message == "Nobody would get it."
    unknown = desk.campaign(content=desk.email | {"subject": "{{ first_nam }}"})
    found = review.review(desk.store, unknown.id, desk.now).findings
    assert any("first_nam" in finding.message for finding in found)


def test_left_out_segments_are_left_out(desk: Any) -> None:
    desk.customers(10)
    with desk.store.engine.begin() as conn:
        rule = {"type": "trait", "field": "email", "op": "is", "value": "c3@example.com"}
        one = segment.create(conn, "One", rule, now=desk.now).id
    campaign = desk.campaign(exclude_segment_ids=[one])
    seen = review.review(desk.store, campaign.id, desk.now)
    assert seen.waterfall is not None
    assert seen.waterfall.recipients == 9
    desk.launch(campaign)
    assert desk.rows("SELECT reason FROM campaign_exclusion") == [("excluded_segment",)]


def test_a_test_goes_to_oneself_marked_and_enters_no_figure(desk: Any) -> None:
    campaign = desk.campaign()
    with desk.store.engine.begin() as conn:
        trial.send_test(
            desk.store,
            conn,
            campaign.id,
            "me@example.com",
            desk.now,
            "test",
            values={"first_name": "Al"},
        )
    assert desk.rows("SELECT purpose, customer_id FROM message") == [("test", None)]
    subject = "SELECT body->>'subject' FROM template_version"
    assert desk.rows(subject) == [("[TEST] Hello {{ first_name }}",)]
    send(desk)
    assert desk.rows("SELECT state FROM message") == [(State.ACCEPTED,)]
    with desk.store.engine.connect() as conn:
        assert report.figures(conn, campaign.id).enqueued == 0
    assert desk.get(campaign).status is Status.DRAFT


# --- report --------------------------------------------------------------------------------------


def test_a_report_counts_each_message_once_and_humans_apart_from_machines(desk: Any) -> None:
    desk.customers(6)
    desk.customers(1, "no", email_consent="0")
    campaign = desk.campaign()
    desk.launch(campaign)
    send(desk)
    with desk.store.engine.begin() as conn:
        conn.execute(
            text(
                "UPDATE message SET delivery = 4, delivered_at = :at,"
                " opens = CASE WHEN id % 3 = 0 THEN 2 ELSE 0 END, machine_opens = 1,"
                " opened_at = CASE WHEN id % 3 = 0 THEN CAST(:at AS timestamptz) END"
            ),
            {"at": desk.at(61)},
        )
    with desk.store.engine.connect() as conn:
        seen = report.report(conn, campaign.id, desk.at(90))
    assert (seen.figures.accepted, seen.figures.delivered) == (6, 6)
    assert (seen.figures.opened, seen.figures.opened_by_machine) == (2, 4)
    assert seen.figures.share("opened") == pytest.approx(1 / 3)
    assert [(r.kind, r.reason, r.count) for r in seen.reasons] == [("excluded", "no_consent", 1)]
    assert seen.timeline["sent"].to_list() == [6, 0]
    assert seen.timeline["delivered"].to_list() == [0, 6]
    assert seen.timeline["opened"].to_list() == [0, 2]
    assert seen.timeline["at"].to_list() == [desk.at(0), desk.at(60)]


def test_a_report_of_a_draft_is_empty_and_whole(desk: Any) -> None:
    campaign = desk.campaign()
    with desk.store.engine.connect() as conn:
        seen = report.report(conn, campaign.id, desk.now)
    assert (seen.figures.enqueued, seen.holdout, seen.timeline.height) == (0, 0, 0)
    assert seen.figures.share("opened") is None
