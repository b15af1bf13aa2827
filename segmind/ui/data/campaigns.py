"""Campaigns: reads for the pages, and the moves that people make."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import streamlit as st

from segmind.campaigns import campaign as campaigns
from segmind.campaigns import deciding, moves, pace, trial
from segmind.campaigns.campaign import Campaign
from segmind.campaigns.lifecycle import Status
from segmind.campaigns.pace import Eta
from segmind.campaigns.progress import Progress
from segmind.campaigns.progress import progress as progress_of
from segmind.campaigns.report import Report
from segmind.campaigns.report import report as report_of
from segmind.campaigns.review import Review
from segmind.campaigns.review import review as review_of
from segmind.campaigns.standing import Standing
from segmind.campaigns.standing import standing as standing_of
from segmind.campaigns.variant_test import CONTROL
from segmind.channels.channel import Channel
from segmind.errors import Conflict
from segmind.ui.access import allow
from segmind.ui.data import facts, messages
from segmind.ui.store import now, store
from segmind.workspace import audit, product_settings
from segmind.workspace.permissions import Action

#: What people write of a draft.
WRITTEN: Final = (
    "name",
    "channel",
    "segment_id",
    "exclude_segment_ids",
    "content",
    "holdout_percent",
    "variant_test",
    "rate_per_second",
)


@st.cache_data(ttl=5, max_entries=8, show_spinner=False)
def newest(limit: int = 200) -> list[Campaign]:
    """The newest campaigns first."""
    with store().engine.connect() as conn:
        return campaigns.list_campaigns(conn, limit=limit)


@st.cache_data(ttl=30, max_entries=2, show_spinner=False)
def names() -> dict[int, str]:
    """Names by id."""
    with store().engine.connect() as conn:
        return campaigns.names(conn)


def get(campaign_id: int) -> Campaign:
    """One campaign as it is now. Raises UnknownCampaign."""
    with store().engine.connect() as conn:
        return campaigns.get(conn, campaign_id)


@st.cache_data(ttl=1, max_entries=64, show_spinner=False)
def progress(campaign_id: int) -> Progress:
    """How far it is."""
    with store().engine.connect() as conn:
        return progress_of(conn, campaign_id, now())


@st.cache_data(ttl=2, max_entries=64, show_spinner=False)
def eta(campaign_id: int) -> Eta:
    """When its last message leaves, by the limits of its sender and the pace of late."""
    opened = store()
    with opened.engine.connect() as conn:
        campaign = campaigns.get(conn, campaign_id)
        settings = product_settings.load(conn)
        remaining = pace.left(conn, campaign_id, campaign.channel)
    own = float(campaign.rate_per_second) if campaign.rate_per_second else None
    provider = messages.provider_names()[campaign.channel.value]
    limit = pace.tightest(settings.send_limits, provider, own)
    return pace.estimate(remaining, limit, progress(campaign_id).rate, campaign.channel, now())


def report(campaign_id: int) -> Report:
    """What became of it."""
    return _report(campaign_id, get(campaign_id).status)


@st.cache_data(ttl=2, max_entries=64, show_spinner=False)
def _report(campaign_id: int, status: Status) -> Report:
    del status  # figures of a state that is over would contradict the page around them
    with store().engine.connect() as conn:
        return report_of(conn, campaign_id, now())


def review(campaign_id: int) -> Review:
    """The campaign as it would be launched now: its audience, cost and findings."""
    return _review(campaign_id, repr(get(campaign_id)), facts.version())


@st.cache_data(ttl=60, max_entries=16, show_spinner=False)
def _review(campaign_id: int, campaign: str, version: str) -> Review:
    # All that the campaign says, not when it was changed: the product's clock can stand still.
    del campaign, version
    return review_of(store(), campaign_id, now())


def send_test(
    campaign_id: int, address: str, values: Mapping[str, Any], variant: str = CONTROL
) -> None:
    """Put one marked message for ``address`` into the outbox. Raises BadAddress."""
    who = allow(Action.SEND_MESSAGES)
    opened = store()
    with opened.engine.begin() as conn:
        trial.send_test(
            opened,
            conn,
            campaign_id,
            address,
            now(),
            who.email,
            values=dict(values),
            variant=variant,
        )


def standing(campaign_id: int) -> Standing:
    """How the variants of its test stand. Raises NoTest, NotLaunchedYet."""
    return _standing(campaign_id, get(campaign_id).standing is None, facts.version())


@st.cache_data(ttl=20, max_entries=16, show_spinner=False)
def _standing(campaign_id: int, is_open: bool, version: str) -> Standing:
    del is_open, version
    with store().engine.connect() as conn:
        return standing_of(conn, facts.facts(), campaigns.get(conn, campaign_id), now())


def choose(campaign_id: int, variant: str) -> None:
    """Name the winner of its test by hand. Raises DecidedAlready, NotRunning."""
    who = allow(Action.LAUNCH)
    with store().engine.begin() as conn:
        deciding.choose(conn, campaign_id, variant, now(), who.email)
    _changed()


def create(name: str, channel: Channel, segment_id: int | None = None) -> Campaign:
    """A new draft."""
    who = allow(Action.EDIT_CAMPAIGNS)
    with store().engine.begin() as conn:
        made = campaigns.create(
            conn,
            name=name,
            channel=channel,
            segment_id=segment_id,
            now=now(),
            actor=who.email,
        )
    _changed()
    return made


class ChangedSince(Conflict):
    """Somebody changed this draft since you saw it."""

    code = "campaign_changed"
    hint = "Look at it again before you change it."


def update(campaign_id: int, changes: Mapping[str, Any], seen: Campaign) -> Campaign:
    """Change a draft, of which what is changed is as in ``seen``.

    Raises InvalidCampaign, NotEditable; ChangedSince: nothing is overwritten.
    """
    who = allow(Action.EDIT_CAMPAIGNS)
    with store().engine.begin() as conn:
        before = campaigns.get(conn, campaign_id, lock=True)
        if any(getattr(before, field) != getattr(seen, field) for field in changes):
            raise ChangedSince(field=sorted(changes)[0])
        changed = campaigns.update(conn, campaign_id, changes, now(), who.email)
    _changed()
    return changed


def last_change(campaign_id: int) -> audit.Entry | None:
    """Who changed the draft last, as the audit has it."""
    with store().engine.connect() as conn:
        found = audit.of_subject(conn, f"campaign {campaign_id}", "campaign.update")
    return found[-1] if found else None


def copy(campaign_id: int) -> Campaign:
    """A new draft like it."""
    who = allow(Action.EDIT_CAMPAIGNS)
    with store().engine.begin() as conn:
        made = campaigns.copy(conn, campaign_id, now(), who.email)
    _changed()
    return made


def send_now(campaign_id: int) -> None:
    """Let it start as soon as a scheduler sees it."""
    who = allow(Action.LAUNCH)
    with store().engine.begin() as conn:
        moves.send_now(conn, campaign_id, now(), who.email)
    _changed()


def schedule(campaign_id: int, at: datetime) -> None:
    """Let it start at ``at``."""
    who = allow(Action.LAUNCH)
    with store().engine.begin() as conn:
        moves.schedule(conn, campaign_id, at, now(), who.email)
    _changed()


def move(campaign_id: int, to: str) -> None:
    """Pause, resume or cancel it, or take it back to draft."""
    who = allow(Action.LAUNCH)
    do = {
        "pause": moves.pause,
        "resume": moves.resume,
        "cancel": moves.cancel,
        "draft": moves.back_to_draft,
    }[to]
    with store().engine.begin() as conn:
        do(conn, campaign_id, now(), who.email)
    _changed()


def _changed() -> None:
    for read in (newest, names, progress, eta, _report):
        read.clear()
