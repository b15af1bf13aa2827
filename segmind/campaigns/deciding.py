"""The end of a test of variants: the winner is named once, and the rest is sent it.

What is promised: whatever is killed at any instant and begun again, by this process or another, one
winner is named, and everybody of the rest gets it once. How: the verdict and the winner are written
in one transaction under the campaign's lock; each portion of the rest leaves the store and enters
the outbox in one transaction, with the winner that is written there.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import polars as pl
from sqlalchemy import Connection, text
from sqlalchemy.exc import InterfaceError, OperationalError

from segmind.campaigns import campaign as campaigns
from segmind.campaigns import moves
from segmind.campaigns.campaign import Campaign, InvalidCampaign
from segmind.campaigns.launch import enqueue, missing_sentence
from segmind.campaigns.lifecycle import FINAL, Status
from segmind.campaigns.standing import NoTest, Standing, measured
from segmind.campaigns.tables import campaign as table
from segmind.campaigns.variant_test import CONTROL, VariantTest
from segmind.customers.erasure import ERASING
from segmind.customers.facts import read_facts
from segmind.db.copy import copy_out
from segmind.db.engine import Store
from segmind.db.locks import lock_shared, try_lock
from segmind.errors import Conflict
from segmind.events.schema import Source
from segmind.workspace import audit

log = logging.getLogger(__name__)

#: Recipients that enter the outbox in one transaction: about 0.2 seconds of work, which is how long
#: a pause or a cancellation waits.
PORTION = 20_000


class DecidedAlready(Conflict):
    """Variant {winner} was chosen before."""

    code = "decided_already"
    hint = "The rest is sent it already, or was."


class NotRunning(Conflict):
    """A {status} campaign has nothing to decide."""

    code = "not_running"
    hint = "A winner is chosen while the test runs or after it."


@dataclass(frozen=True, slots=True)
class Decided:
    """What became of tests whose time was over: ``won`` by id (None: a person has to choose), and
    how many of the rest entered the outbox."""

    won: dict[int, str | None]
    enqueued: int


def decide_due(
    store: Store, now: datetime, stopping: Callable[[], bool] = lambda: False
) -> Decided:
    """Judge the tests that are over, and carry on sending the rest. One that fails stops no other;
    it is tried again by the next call."""
    won: dict[int, str | None] = {}
    enqueued = 0
    with store.engine.connect() as conn:
        over, unsent = _over(conn, now), _unsent(conn)
    for campaign_id in over:
        try:
            won[campaign_id] = _judge(store, campaign_id, now)
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:
            log.error("The test of campaign %d: %s.", campaign_id, type(error).__name__)
    for campaign_id in sorted({*unsent, *(number for number, name in won.items() if name)}):
        while not stopping() and (sent := send_portion(store, campaign_id, now)):
            enqueued += sent
    return Decided(won, enqueued)


def choose(conn: Connection, campaign_id: int, variant: str, now: datetime, actor: str) -> Campaign:
    """Name the winner by hand, at any time of the test or after it; a scheduler sends the rest.

    Raises:
        UnknownCampaign, NoTest; InvalidCampaign: there is no such variant; DecidedAlready: for
        another one; NotRunning: it was not launched, or is over.
    """
    campaign = campaigns.get(conn, campaign_id, lock=True)
    test = campaign.variant_test
    if test is None:
        raise NoTest
    names = [arm.name for arm in test.arms]
    if variant not in names:
        raise InvalidCampaign(f"The variant is one of {', '.join(names)}.", field="variant")
    if campaign.winner is not None:
        if campaign.winner == variant:
            return campaign
        raise DecidedAlready(winner=campaign.winner)
    if campaign.frozen_at is None or campaign.status in FINAL:
        raise NotRunning(status=str(campaign.status))
    return _name(conn, campaign, variant, now, actor)


def _over(conn: Connection, now: datetime) -> list[int]:
    rows = conn.execute(
        text(
            "SELECT id FROM campaign WHERE variant_test IS NOT NULL AND standing IS NULL"
            " AND status IN ('sending', 'sent') AND decide_at <= :now ORDER BY decide_at, id"
        ),
        {"now": now},
    )
    return list(rows.scalars())


def _unsent(conn: Connection) -> list[int]:
    """Campaigns with a winner of which somebody still waits for it."""
    rows = conn.execute(
        text(
            "SELECT id FROM campaign c WHERE winner IS NOT NULL AND status = 'sending' AND EXISTS ("
            " SELECT FROM campaign_recipient r WHERE r.campaign_id = c.id) ORDER BY id"
        )
    )
    return list(rows.scalars())


def _judge(store: Store, campaign_id: int, now: datetime) -> str | None:
    """Write down how the test ended and, unless a person has to say, who is the winner."""
    facts = read_facts(store)
    with store.engine.begin() as conn:
        campaign = campaigns.get(conn, campaign_id, lock=True)
        test = campaign.variant_test
        running = {Status.SENDING, Status.SENT}
        if campaign.standing is not None or campaign.status not in running or test is None:
            return campaign.winner
        found = measured(conn, facts, campaign, now)
        conn.execute(
            table.update().where(table.c.id == campaign_id).values(standing=found.as_json())
        )
        winner = campaign.winner or outcome(found, test)
        if winner is not None and campaign.winner is None:
            _name(conn, campaign, winner, now, "scheduler")
        return winner


def outcome(found: Standing, test: VariantTest) -> str | None:
    """What the rest is sent by the plan; None: a person has to choose.

    A test whose groups do not have the sizes that were drawn names nobody.
    """
    if test.decide == "by_hand" or not found.ratio.is_sound:
        return None
    if found.verdict.winner is not None:
        return found.verdict.winner
    if test.otherwise == "control":
        return CONTROL
    return found.verdict.leader if test.otherwise == "leader" else None


def _name(conn: Connection, campaign: Campaign, winner: str, now: datetime, actor: str) -> Campaign:
    conn.execute(
        table.update()
        .where(table.c.id == campaign.id)
        .values(winner=winner, decided_at=now, decided_by=actor, updated_at=now)
    )
    audit.record(conn, actor, "campaign.winner", f"campaign {campaign.id}", {"variant": winner})
    return campaigns.get(conn, campaign.id)


def send_portion(store: Store, campaign_id: int, now: datetime) -> int:
    """Put some of the rest into the outbox; how many they were, 0: nobody is left, or not now."""
    with store.engine.begin() as conn:
        if not try_lock(conn, f"campaign.launch:{campaign_id}"):
            return 0
        lock_shared(conn, ERASING)  # as in a launch: nobody is erased while addresses are moved
        campaign = campaigns.get(conn, campaign_id, lock=True)
        if campaign.status is not Status.SENDING or campaign.winner is None:
            return 0
        portion = _take_portion(conn, campaign_id, campaign.winner)
        if portion.is_empty():
            return 0
        enqueue(store, conn, campaign, portion, campaign.decided_at or now, now)
        if portion.height < PORTION and (missing := _missing(conn, campaign)):
            moves.pause(conn, campaign_id, now, "scheduler", problem=missing)
        return portion.height


def _take_portion(conn: Connection, campaign_id: int, winner: str) -> pl.DataFrame:
    """Take some who waited out of the store: customer_id, address, variant (the winner)."""
    return copy_out(
        conn,
        "DELETE FROM campaign_recipient WHERE campaign_id = %s AND customer_id IN ("
        " SELECT customer_id FROM campaign_recipient WHERE campaign_id = %s"
        " ORDER BY customer_id LIMIT %s) RETURNING customer_id, address, %s",
        {"customer_id": pl.Int64(), "address": pl.String(), "variant": pl.String()},
        (campaign_id, campaign_id, PORTION, winner),
    )


def _missing(conn: Connection, campaign: Campaign) -> str | None:
    """``missing_sentence`` of the campaign; costs a count of its messages."""
    enqueued, waiting = conn.execute(
        text(
            "SELECT (SELECT count(*) FROM message WHERE source_kind = :kind AND source_id = :id"
            " AND purpose <> 'test'),"
            " (SELECT count(*) FROM campaign_recipient WHERE campaign_id = :id)"
        ),
        {"kind": int(Source.CAMPAIGN), "id": campaign.id},
    ).one()
    return missing_sentence(campaign.audience_size or 0, enqueued, waiting)
