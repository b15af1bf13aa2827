"""A test of variants: a share sees them, one winner is named once, and the rest is sent it."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from segmind.campaigns import campaign as campaigns
from segmind.campaigns import deciding, tend
from segmind.campaigns.campaign import Campaign, InvalidCampaign
from segmind.campaigns.deciding import DecidedAlready, NotRunning, choose, decide_due
from segmind.campaigns.fates import fates
from segmind.campaigns.groups import experiment_of
from segmind.campaigns.lifecycle import Status
from segmind.campaigns.review import NotLaunchable
from segmind.campaigns.standing import NoTest, Standing, of_json, standing
from segmind.campaigns.variant_test import InvalidVariantTest
from segmind.customers.facts import read_facts
from segmind.events import ingest
from segmind.events.ingest import NewEvent
from tests.integration.campaigns.conftest import EMAIL, Desk

B = {**EMAIL, "subject": "Spring, {{ first_name }}!"}
C = {**EMAIL, "subject": "Now or never"}
HOURS = 4


class Killed(BaseException):
    """Stands for kill -9."""


def compared(desk: Desk, *, holdout: float = 0.0, **plan: Any) -> Campaign:
    given = {"variants": [{"content": B}], "share_percent": 40, "hours": HOURS} | plan
    return desk.campaign(variant_test=given, holdout_percent=holdout)


def variants(desk: Desk) -> Counter[str]:
    """How many are drawn for each, written to or not yet."""
    return Counter(
        row[0]
        for row in desk.rows(
            "SELECT step FROM message UNION ALL SELECT step FROM recipient_portion,"
            " unnest(customer_ids[taken + 1 :]) WHERE template_version_id IS NOT NULL"
        )
    )


def click(desk: Desk, variant: str, count: int, minute: float = 30) -> None:
    """``count`` people of a variant click, once everybody's turn has come."""
    desk.make_messages(minute - 1)
    with desk.store.engine.begin() as conn:
        conn.execute(
            text(
                "UPDATE message SET state = 3, clicks = 1, clicked_at = :at WHERE id IN"
                " (SELECT id FROM message WHERE step = :step ORDER BY id LIMIT :n)"
            ),
            {"at": desk.at(minute), "step": variant, "n": count},
        )


def look(desk: Desk, campaign: Campaign, minute: float = 60 * HOURS) -> Standing:
    with desk.store.engine.connect() as conn:
        return standing(conn, read_facts(desk.store), desk.get(campaign), desk.at(minute))


def decide(desk: Desk, minute: float = 60 * HOURS) -> dict[int, str | None]:
    return decide_due(desk.store, desk.at(minute))


def test_a_share_sees_the_variants_and_the_rest_waits(desk: Desk) -> None:
    desk.customers(300)
    campaign = compared(desk, variants=[{"content": B}, {"content": C}], holdout=10.0)
    assert desk.launch(campaign) is Status.SENDING
    after = desk.get(campaign)
    shown = variants(desk)
    waiting = desk.waiting()
    assert set(shown) == {"A", "B", "C"}
    assert shown.total() + waiting == after.audience_size
    assert 0.25 < shown.total() / (after.audience_size or 1) < 0.55
    assert after.decide_at == desk.at(60 * HOURS)
    desk.make_messages()
    texts = desk.rows(
        "SELECT DISTINCT m.step, v.body->>'subject' FROM message m"
        " JOIN template_version v ON v.id = m.template_version_id ORDER BY 1"
    )
    assert [tuple(row) for row in texts] == [
        ("A", EMAIL["subject"]), ("B", B["subject"]), ("C", C["subject"]),
    ]  # fmt: skip
    assert tend.finish_done(desk.store, desk.at(1)) == []
    with desk.store.engine.connect() as conn:
        steps = fates(conn, after)
        arms = experiment_of(conn, after, by_variant=True)
        whole = experiment_of(conn, after)
    assert {s.key: s.removed for s in steps}["waits_for_winner"] == waiting
    assert {name: len(ids) for name, ids in arms.arms.items()} == shown
    # Lift of the campaign is that of everybody who was to get it, also of who still waits.
    assert len(whole.arms["message"]) == after.audience_size


def test_the_better_one_wins_at_the_end_and_the_rest_is_sent_it_once(desk: Desk) -> None:
    desk.customers(400)
    campaign = compared(desk)
    desk.launch(campaign)
    shown = variants(desk)
    waiting = desk.waiting()
    click(desk, "B", shown["B"] // 2)
    assert decide(desk, 60 * HOURS - 1) == {}
    early = look(desk, campaign, 60)
    assert (early.is_over, early.verdict.leader, early.verdict.winner) == (False, "B", None)
    assert decide(desk) == {campaign.id: "B"}
    after = desk.get(campaign)
    assert (after.winner, after.decided_by, after.decided_at) == ("B", "scheduler", desk.at(240))
    assert variants(desk) == Counter({"A": shown["A"], "B": shown["B"] + waiting})
    assert desk.waiting() == 0
    decide(desk, 300)
    assert desk.recipients() == after.audience_size
    rest = desk.rows("SELECT DISTINCT expires_at FROM recipient_portion")
    assert rest[0][0] == desk.at(240) + timedelta(hours=24)


def test_what_comes_after_the_end_changes_nothing(desk: Desk) -> None:
    desk.customers(400)
    campaign = compared(desk, otherwise="wait")
    desk.launch(campaign)
    click(desk, "B", 30, minute=60 * HOURS + 5)
    assert decide(desk, 60 * HOURS + 10) == {campaign.id: None}
    kept = look(desk, campaign, 60 * HOURS + 20)
    assert [arm.clicked for arm in kept.arms] == [0, 0]
    told = desk.get(campaign).standing
    assert told is not None
    assert of_json(told) == kept
    # The rest of the campaign's own clicks are none of the test's.
    with desk.store.engine.begin() as conn:
        choose(conn, campaign.id, "A", desk.at(270), "ann")
    decide(desk, 271)
    click(desk, "A", 100, minute=280)
    assert look(desk, campaign, 300) == kept


@pytest.mark.parametrize(("otherwise", "sent"), [("control", "A"), ("leader", "B"), ("wait", None)])
def test_where_nothing_is_clear_the_plan_says_what_is_sent(
    desk: Desk, otherwise: str, sent: str | None
) -> None:
    desk.customers(200)
    campaign = compared(desk, otherwise=otherwise)
    desk.launch(campaign)
    click(desk, "B", 1)
    waiting = desk.waiting()
    assert decide(desk) == {campaign.id: sent}
    assert look(desk, campaign).verdict.winner is None
    assert desk.waiting() == (waiting if sent is None else 0)
    assert decide(desk, 300) == {}


def test_a_person_may_choose_before_and_instead_of_the_statistics(desk: Desk) -> None:
    desk.customers(100)
    campaign = compared(desk, decide="by_hand")
    with desk.store.engine.begin() as conn, pytest.raises(NotRunning):
        choose(conn, campaign.id, "A", desk.now, "ann")
    desk.launch(campaign)
    click(desk, "B", 10)
    with desk.store.engine.begin() as conn:
        with pytest.raises(InvalidCampaign, match="one of A, B"):
            choose(conn, campaign.id, "Z", desk.at(1), "ann")
        choose(conn, campaign.id, "A", desk.at(5), "ann")
        choose(conn, campaign.id, "A", desk.at(6), "ann")
        with pytest.raises(DecidedAlready, match="Variant A"):
            choose(conn, campaign.id, "B", desk.at(6), "bob")
    decide(desk, 7)
    assert desk.waiting() == 0
    decide(desk)
    after = desk.get(campaign)
    assert (after.winner, after.decided_by) == ("A", "ann")
    assert look(desk, campaign).verdict.leader == "B"


def test_orders_and_revenue_decide_by_what_the_log_says(desk: Desk) -> None:
    desk.customers(120)
    campaign = compared(desk, metric="revenue", share_percent=100)
    desk.launch(campaign)
    desk.make_messages()
    buyers = desk.rows("SELECT customer_id FROM message WHERE step = 'B' ORDER BY id LIMIT 30")
    with desk.store.engine.begin() as conn:
        ingest.append(
            conn,
            [
                NewEvent(None, "order_completed", desk.at(60 + n), row[0], value=4_000 + n,
                         currency="USD", order_id=f"o{n}")
                for n, row in enumerate(buyers)
            ],
            desk.at(200),
        )  # fmt: skip
    assert decide(desk) == {campaign.id: "B"}
    b = next(arm for arm in look(desk, campaign).arms if arm.name == "B")
    assert (b.ordered, b.net_revenue) == (30, sum(4_000 + n for n in range(30)))


def test_while_it_is_paused_nothing_is_decided_and_nobody_is_sent_the_rest(desk: Desk) -> None:
    desk.customers(100)
    campaign = compared(desk)
    desk.launch(campaign)
    desk.move("pause", campaign, 10)
    assert decide(desk) == {}
    desk.move("resume", campaign, 300)
    assert decide(desk, 301) == {campaign.id: desk.get(campaign).winner}
    assert desk.waiting() == 0


def test_a_cancelled_test_sends_nothing_more(desk: Desk) -> None:
    desk.customers(100)
    campaign = compared(desk)
    desk.launch(campaign)
    desk.move("cancel", campaign, 10)
    before = desk.recipients()
    assert decide(desk) == {}
    assert desk.recipients() == before
    assert desk.waiting() == 0


@pytest.mark.parametrize("dies_in", ["measured", "decide", "record"])
def test_killed_anywhere_one_winner_is_named_and_everybody_is_written_to_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, dies_in: str
) -> None:
    desk.customers(25)
    campaign = compared(desk, share_percent=50)
    desk.launch(campaign)
    home = {"measured": deciding, "decide": deciding.portions, "record": deciding.audit}[dies_in]
    step = getattr(home, dies_in)

    def step_and_die(*given: Any, **named: Any) -> None:
        step(*given, **named)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(home, dies_in, step_and_die)
        with pytest.raises(Killed):
            decide(desk)
    assert desk.get(campaign).winner is None
    assert desk.waiting() > 0
    for minute in (250, 260):
        decide(desk, minute)
    desk.make_messages(270)
    sent = desk.rows("SELECT count(*), count(DISTINCT customer_id) FROM message")[0]
    assert tuple(sent) == (25, 25)
    assert len(desk.rows("SELECT FROM audit WHERE action = 'campaign.winner'")) == 1
    assert desk.get(campaign).status is Status.SENDING


def test_several_schedulers_name_one_winner_and_send_the_rest_once(desk: Desk) -> None:
    desk.customers(60)
    desk.launch(compared(desk))
    with ThreadPoolExecutor(3) as pool:
        for _ in range(3):
            list(pool.map(lambda _: decide(desk), range(3)))
    desk.make_messages(250)
    assert (desk.count("message"), desk.waiting()) == (60, 0)
    assert len(desk.rows("SELECT FROM audit WHERE action = 'campaign.winner'")) == 1


def test_variants_take_turns_and_none_is_sent_first(desk: Desk) -> None:
    desk.customers(400)
    desk.launch(compared(desk, share_percent=100))
    steps = [row[0] for row in desk.rows("SELECT step FROM recipient_portion ORDER BY id")]
    assert steps.count("A") >= 20
    half = steps[: len(steps) // 2]
    assert abs(half.count("A") - half.count("B")) <= 2


@pytest.mark.parametrize(
    ("plan", "field"),
    [
        ({"variants": []}, "variant_test.variants"),
        ({"variants": [{"content": B}] * 5}, "variant_test.variants"),
        ({"variants": [{"content": B, "weight": 0}]}, "variant_test.variants.0.weight"),
        ({"share_percent": 0}, "variant_test.share_percent"),
        ({"metric": "opens"}, "variant_test.metric"),
        ({"hours": float("nan")}, "variant_test.hours"),
        ({"surprise": 1}, "variant_test.surprise"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused_by_its_path(
    desk: Desk, plan: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidVariantTest) as refused:
        compared(desk, **plan)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({}, "says nothing yet"),
        (EMAIL, "says the same"),
        ({"channel": "sms", "body": "Hi. STOP"}, "for SMS"),
        ({**EMAIL, "subject": "{{ frist_name }}"}, "frist_name"),
    ],
)
def test_a_variant_that_cannot_be_sent_stops_the_launch(
    desk: Desk, content: dict[str, Any], said: str
) -> None:
    desk.customers(3)
    campaign = compared(desk, variants=[{"content": content}])
    with pytest.raises((NotLaunchable, InvalidCampaign), match=said) as refused:
        desk.launch(campaign)
    assert (refused.value.field or "").startswith("variant_test.variants.0.content")
    assert desk.get(campaign).status is Status.DRAFT


def test_a_campaign_without_a_test_has_nothing_to_decide(desk: Desk) -> None:
    desk.customers(2)
    campaign = desk.campaign()
    desk.launch(campaign)
    assert variants(desk) == Counter({None: 2})
    with pytest.raises(NoTest):
        look(desk, campaign)
    with desk.store.engine.begin() as conn:
        with pytest.raises(NoTest):
            choose(conn, campaign.id, "A", desk.at(1), "ann")
        copied = campaigns.copy(conn, compared(desk).id, desk.now, "ann")
    assert copied.variant_test is not None
