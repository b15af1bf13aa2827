"""The end of a test of variants: the winner is named once, and the rest is sent it.

What is promised: whatever is killed at any instant and begun again, by this process or another, one
winner is named, and everybody of the rest gets it once. How: the verdict, the winner, and that the
portions of the rest get his version are written in one transaction under the campaign's lock.
"""

from __future__ import annotations

import logging
from datetime import datetime

from sqlalchemy import Connection, text
from sqlalchemy.exc import InterfaceError, OperationalError

from segmind.campaigns import campaign as campaigns
from segmind.campaigns import moves
from segmind.campaigns.campaign import Campaign, InvalidCampaign
from segmind.campaigns.content import frozen_versions
from segmind.campaigns.lifecycle import FINAL, Status
from segmind.campaigns.standing import NoTest, Standing, measured
from segmind.campaigns.tables import campaign as table
from segmind.campaigns.variant_test import CONTROL, VariantTest
from segmind.customers.facts import read_facts
from segmind.db.engine import Store
from segmind.errors import Conflict
from segmind.events.schema import Source
from segmind.messages import portions
from segmind.messages.sources import SourceKey
from segmind.workspace import audit

log = logging.getLogger(__name__)


class DecidedAlready(Conflict):
    """Variant {winner} was chosen before."""

    code = "decided_already"
    hint = "The rest is sent it already, or was."


class NotRunning(Conflict):
    """A {status} campaign has nothing to decide."""

    code = "not_running"
    hint = "A winner is chosen while the test runs or after it."


def decide_due(store: Store, now: datetime) -> dict[int, str | None]:
    """Judge the tests that are over: who won, by campaign (None: a person has to choose). One that
    fails stops no other; it is tried again by the next call."""
    won: dict[int, str | None] = {}
    with store.engine.connect() as conn:
        over = _over(conn, now)
    for campaign_id in over:
        try:
            won[campaign_id] = _judge(store, campaign_id, now)
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:
            log.error("The test of campaign %d: %s.", campaign_id, type(error).__name__)
    return won


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
    """Write the winner down, whose row is locked, and let the rest get it."""
    conn.execute(
        table.update()
        .where(table.c.id == campaign.id)
        .values(winner=winner, decided_at=now, decided_by=actor, updated_at=now)
    )
    portions.decide(
        conn,
        SourceKey(Source.CAMPAIGN, campaign.id),
        frozen_versions(conn, campaign)[winner],
        winner,
        now + moves.VALID_FOR,
    )
    audit.record(conn, actor, "campaign.winner", f"campaign {campaign.id}", {"variant": winner})
    return campaigns.get(conn, campaign.id)
