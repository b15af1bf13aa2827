"""Frequency caps over a past: contacts that were, and those that would have come besides."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from segmind.automations.backtest.past import Past
from segmind.consent.caps import Cap
from segmind.consent.zones import is_zone
from segmind.events.schema import UTC_INSTANT, Channel, Kind, Source

_WEEK: Final = 7
_HOUR: Final = 3_600_000_000


@dataclass(frozen=True)
class Contacts:
    """Contacts on one channel: of which customer, when (microseconds), on which of their days
    (days since 1970). ``row``: whose they are; -1 for those that were."""

    customers: np.ndarray
    at: np.ndarray
    days: np.ndarray
    row: np.ndarray


def allowed(
    past: Past,
    channel: Channel,
    cap: Cap | None,
    customers: np.ndarray,
    at: np.ndarray,
    zone: str,
    own: int | None,
) -> np.ndarray:
    """Of each message: whether the cap still allows it, the earlier ones first.

    What the log says was sent on the channel counts too, but for what the automation ``own`` itself
    sent. ``zone``: of customers without one.
    """
    granted = np.ones(customers.shape, dtype=np.bool_)
    if cap is None or not customers.size:
        return granted
    theirs = _really_sent(past, channel, np.unique(customers), own)
    ids = np.concatenate([customers, theirs["customer_id"].to_numpy()])
    instants = np.concatenate([at, theirs["ts"].to_numpy()])
    rows = np.concatenate([np.arange(customers.size), np.full(theirs.height, -1)])
    order = np.lexsort((rows, instants, ids))
    contacts = Contacts(
        ids[order], instants[order], _days(past, ids, instants, zone)[order], rows[order]
    )
    granted[_refused(contacts, cap)] = False
    return granted


def _really_sent(
    past: Past, channel: Channel, customers: np.ndarray, own: int | None
) -> pl.DataFrame:
    rows = past.rows(int(Kind.MESSAGE_SENT), "channel", "source_kind", "source_id")
    if own is not None:
        is_own = (pl.col("source_kind") == int(Source.AUTOMATION)) & (pl.col("source_id") == own)
        rows = rows.filter(~is_own.fill_null(value=False))
    rows = rows.filter(pl.col("channel") == int(channel))
    return rows.filter(pl.Series(np.isin(rows["customer_id"].to_numpy(), customers)))


def _days(past: Past, ids: np.ndarray, instants: np.ndarray, default: str) -> np.ndarray:
    """The calendar days of the customers' own zones."""
    people = past.facts.customers.select("customer_id", "timezone")
    wanted = pl.Series("customer_id", np.unique(ids))
    zones = people.filter(pl.col("customer_id").is_in(wanted.implode())).collect()
    rows = pl.DataFrame({"customer_id": ids, "at": instants}).with_columns(
        pl.col("at").cast(UTC_INSTANT)
    )
    rows = rows.join(zones, on="customer_id", how="left", maintain_order="left")
    day = pl.col("at").dt.convert_time_zone(default).dt.date()
    for name in rows["timezone"].unique().drop_nulls():
        if is_zone(name):
            own = pl.col("at").dt.convert_time_zone(name).dt.date()
            day = pl.when(pl.col("timezone") == name).then(own).otherwise(day)
    found: np.ndarray = rows.select(day.cast(pl.Int32))["at"].to_numpy()
    return found


def _refused(contacts: Contacts, cap: Cap) -> Collection[int]:
    """Rows of messages that the cap does not allow any more."""
    per_day = cap.per_day if cap.per_day is not None else np.inf
    per_week = cap.per_week if cap.per_week is not None else np.inf
    gap = getattr(cap, "gap_hours", 0) * _HOUR
    near = (contacts.customers[1:] == contacts.customers[:-1]) & (
        (contacts.days[1:] - contacts.days[:-1] < _WEEK) | (np.diff(contacts.at) < gap)
    )
    crowded = np.concatenate([[False], near]) | np.concatenate([near, [False]])
    if min(per_day, per_week) < 1:
        crowded[:] = True
    refused = []
    whose, days, last = -1, deque[int](), None
    for n in np.flatnonzero(crowded).tolist():
        who, at, day = int(contacts.customers[n]), int(contacts.at[n]), int(contacts.days[n])
        if who != whose:
            whose, last = who, None
            days.clear()
        while days and days[0] <= day - _WEEK:
            days.popleft()
        is_free = (
            len(days) < per_week
            and sum(each == day for each in days) < per_day
            and (last is None or not gap or at - last >= gap)
        )
        if contacts.row[n] >= 0 and not is_free:
            refused.append(int(contacts.row[n]))
            continue
        days.append(day)
        last = at
    return refused
