"""Customers: found, shown, and what they agree to."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import polars as pl
import streamlit as st

from segmind.consent import ledger, replies, unsubscribe
from segmind.consent.addresses import address_key
from segmind.consent.ledger import ConsentEntry, ConsentSource
from segmind.consent.replies import Reply
from segmind.customers import erasure, profile, queries, timeline
from segmind.customers.profile import Profile
from segmind.customers.queries import CustomerRow, Page
from segmind.messages import personal_data
from segmind.messages import queries as message_queries
from segmind.messages.erasure import forgetting
from segmind.messages.queries import Message, MessageFilter
from segmind.ui.access import allow
from segmind.ui.data import facts
from segmind.ui.store import now, store
from segmind.workspace import audit
from segmind.workspace.permissions import Action


@st.cache_data(ttl=10, max_entries=200, show_spinner=False)
def search(query: str, before: int | None, anonymous: bool) -> Page:
    """A page of customers, newest first."""
    with store().engine.connect() as conn:
        return queries.search(conn, query, before=before, anonymous=anonymous)


def count(query: str, anonymous: bool) -> int:
    """How many a search finds; with a query, counting stops at 10,000."""
    if query.strip():
        return _found(query, anonymous)
    return facts.facts().count if anonymous else _known(facts.version())


@st.cache_data(ttl=30, max_entries=100, show_spinner=False)
def _found(query: str, anonymous: bool) -> int:
    with store().engine.connect() as conn:
        return queries.count(conn, query, anonymous=anonymous)


@st.cache_data(ttl=30, max_entries=2, show_spinner=False)
def _known(version: str) -> int:
    """Customers who are not anonymous."""
    del version
    named = facts.facts().customers.filter(~pl.col("is_anonymous"))
    return int(named.select(pl.len()).collect().item())


@st.cache_data(ttl=30, max_entries=500, show_spinner=False)
def rows(ids: tuple[int, ...]) -> list[CustomerRow]:
    """These customers, in this order; erased ones are missing."""
    with store().engine.connect() as conn:
        found = queries.get_many(conn, list(ids))
    return [found[each] for each in ids if each in found]


def read(customer_id: int) -> Profile:
    """Everything on the page of one customer. Raises CustomerNotFound."""
    return _read(customer_id, facts.version())


@st.cache_data(ttl=30, max_entries=100, show_spinner=False)
def _read(customer_id: int, version: str) -> Profile:
    del version
    with store().engine.connect() as conn:
        return profile.read(conn, facts.facts(), customer_id, now())


def events(customer_id: int, until: datetime | None = None) -> list[dict[str, Any]]:
    """The newest events before ``until``, as rows."""
    return _events(customer_id, until, facts.version()).to_dicts()


@st.cache_data(ttl=30, max_entries=100, show_spinner=False)
def _events(customer_id: int, until: datetime | None, version: str) -> pl.DataFrame:
    del version
    return timeline.of_customer(facts.facts(), customer_id, until=until, limit=40)


def messages(customer_id: int) -> list[Message]:
    """The newest messages of a customer, with where they stand."""
    with store().engine.connect() as conn:
        wanted = MessageFilter(customer_id=customer_id)
        return list(message_queries.search(conn, wanted, limit=50).messages)


def record_consent(customer_id: int, channel: str, yes: bool, proof: str = "") -> None:
    """Enter a yes or no into the consent ledger; a no suppresses the address, a yes lifts that."""
    who = allow(Action.EDIT_CUSTOMERS)
    opened = store()
    with opened.engine.begin() as conn:
        unsubscribe.say(
            conn,
            address_key(opened.settings.secret_key),
            channel,
            yes,
            customer_id=customer_id,
            source=ConsentSource.ADMIN,
            evidence={"said": proof} if proof else None,
            actor=who.email,
            now=now(),
        )
    _read.clear()


def consents(customer_id: int) -> list[ConsentEntry]:
    """Every recorded yes and no, the newest first."""
    with store().engine.connect() as conn:
        return ledger.history(conn, customer_id)


def export(customer_id: int) -> bytes:
    """Everything kept of a customer, as a zip. Raises CustomerNotFound, NotAllowed."""
    who = allow(Action.EXPORT_PERSONAL_DATA)
    with store().engine.begin() as conn:
        data = personal_data.export(conn, facts.facts(), customer_id)
        audit.record(conn, who.email, "customer.export", f"customer {customer_id}")
    return personal_data.as_zip(data)


def erase(customer_id: int) -> None:
    """Forget who a customer was, for good. Raises CustomerNotFound, NotAllowed."""
    who = allow(Action.ERASE_CUSTOMERS)
    opened = store()
    key = address_key(opened.settings.secret_key)
    with opened.engine.begin() as conn:
        erasure.erase(conn, customer_id, now(), also=[forgetting(key, now())])
        audit.record(conn, who.email, "customer.erase", f"customer {customer_id}")
    st.cache_data.clear()


def waiting_replies() -> list[Reply]:
    """What customers wrote and nobody has decided about, likely opt-outs first."""
    with store().engine.connect() as conn:
        return replies.waiting(conn)


def decided_replies() -> list[Reply]:
    """What was decided last."""
    with store().engine.connect() as conn:
        return replies.decided(conn)


def decide_reply(reply_id: int, *, opt_out: bool) -> None:
    """Make a reply a no, or put it aside. Raises NoReply, Decided, NotAllowed."""
    who = allow(Action.EDIT_CUSTOMERS)
    act, name = (
        (replies.treat_as_opt_out, "reply.opt_out")
        if opt_out
        else (replies.dismiss, "reply.dismiss")
    )
    with store().engine.begin() as conn:
        act(conn, reply_id, who.email, now())
        audit.record(conn, who.email, name, f"reply {reply_id}")
    _read.clear()
