"""Messages: finding them, one with its history, and what people do with one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import streamlit as st

from segmind import clock
from segmind.callbacks import outbound
from segmind.callbacks.outbound import Callback
from segmind.channels.channel import Channel as ChannelName
from segmind.consent.addresses import address_key, as_channel
from segmind.events.schema import Source
from segmind.messages import doubts, portions, queries, scheduled, told
from segmind.messages.carriers import open_registry
from segmind.messages.queries import Message, MessageFilter, MessageHistory, MessagePage
from segmind.messages.reconcile import ReconcileReport
from segmind.messages.sources import SourceKey
from segmind.ui.access import allow
from segmind.ui.store import now, store
from segmind.workspace import audit
from segmind.workspace.permissions import Action


@dataclass(frozen=True, slots=True)
class Sought:
    """What a person looks for; empty: everything. ``source``: a ``Source`` in lower case."""

    text: str = ""
    status: str = ""
    channel: str = ""
    source: str = ""
    source_id: int | None = None
    customer_id: int | None = None
    reason: str = ""
    since: datetime | None = None
    until: datetime | None = None


@st.cache_data(ttl=2, max_entries=2, show_spinner=False)
def waiting() -> dict[SourceKey, int]:
    """How many recipients wait for their turn, who are no messages yet, by source."""
    with store().engine.connect() as conn:
        return portions.waiting(conn)


@st.cache_data(ttl=2, max_entries=32, show_spinner=False)
def search(sought: Sought, before: int | None, limit: int) -> MessagePage:
    """A page of what fits, the newest first."""
    opened = store()
    wanted = MessageFilter(
        text=sought.text or None,
        status=sought.status or None,
        channel=as_channel(sought.channel) if sought.channel else None,
        source_kind=int(Source[sought.source.upper()]) if sought.source else None,
        source_id=sought.source_id,
        customer_id=sought.customer_id,
        skip_reason=sought.reason or None,
        since=sought.since,
        until=sought.until,
    )
    with opened.engine.connect() as conn:
        key = address_key(opened.settings.secret_key)
        return queries.search(conn, wanted, before=before, limit=limit, key=key)


@dataclass(frozen=True, slots=True)
class Followed:
    """A message, what happened to it, and who was told."""

    history: MessageHistory
    callbacks: tuple[Callback, ...]

    @property
    def message(self) -> Message:
        return self.history.message


def follow(message_id: int) -> Followed:
    """One message by the id in its page's address. Raises NoMessage."""
    with store().engine.connect() as conn:
        found = queries.by_id(conn, message_id)
        calls = outbound.recent(conn, topic=told.TOPIC, subject_id=message_id, limit=100)
        return Followed(queries.one(conn, found.public_id), tuple(reversed(calls)))


def cancel(message: Message) -> None:
    """Take a single message back that has not left."""
    who = allow(Action.SEND_MESSAGES)
    with store().engine.begin() as conn:
        scheduled.cancel(conn, message.public_id, now())
        audit.record(conn, who.email, "message.cancel", f"message {message.public_id}")
    search.clear()


def reschedule(message: Message, at: datetime) -> None:
    """Give a single message that has not left another time."""
    who = allow(Action.SEND_MESSAGES)
    with store().engine.begin() as conn:
        scheduled.reschedule(conn, message.public_id, at, now())
        detail = {"send_at": at.isoformat()}
        audit.record(conn, who.email, "message.reschedule", f"message {message.public_id}", detail)
    search.clear()


def tell_again(callback: Callback) -> None:
    """Call a webhook once more."""
    who = allow(Action.SEND_MESSAGES)
    with store().engine.begin() as conn:
        outbound.tell_again(conn, callback.id, clock.wall())
        audit.record(conn, who.email, "callback.again", f"callback {callback.public_id}")


def ask_about_doubts(source: SourceKey) -> ReconcileReport:
    """Look for evidence about messages in doubt at once."""
    who = allow(Action.LAUNCH)
    opened = store()
    return doubts.ask_now(opened, open_registry(opened), source, now(), actor=who.email)


def mark_sent(source: SourceKey, ids: list[int] | None = None) -> int:
    """Decide that messages in doubt were sent; returns how many."""
    who = allow(Action.LAUNCH)
    with store().engine.begin() as conn:
        return doubts.mark_sent(conn, source, now(), actor=who.email, message_ids=ids)


def resend(source: SourceKey, ids: list[int] | None = None) -> int:
    """Decide that messages in doubt are sent again; returns how many."""
    who = allow(Action.LAUNCH)
    with store().engine.begin() as conn:
        return doubts.resend(conn, source, now(), actor=who.email, message_ids=ids)


@st.cache_data(ttl=60, max_entries=2, show_spinner=False)
def provider_names() -> dict[str, str]:
    """Which provider carries each channel at present."""
    registry = open_registry(store())
    return {channel.value: registry.for_channel(channel).name for channel in ChannelName}
