"""Customers: found, shown, and what they agree to."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import polars as pl
import streamlit as st

from segmind.consent import ledger
from segmind.consent.ledger import ConsentSource
from segmind.customers import profile, queries, timeline
from segmind.customers.profile import Profile
from segmind.customers.queries import CustomerRow, Page
from segmind.messages import queries as message_queries
from segmind.messages.queries import Message, MessageFilter
from segmind.ui.access import allow
from segmind.ui.data import facts
from segmind.ui.store import now, store
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


def record_consent(customer_id: int, channel: str, yes: bool) -> None:
    """Enter a yes or no into the consent ledger."""
    who = allow(Action.EDIT_CUSTOMERS)
    with store().engine.begin() as conn:
        ledger.record(conn, customer_id, channel, yes, ConsentSource.ADMIN, None, who.email, now())
    _read.clear()
