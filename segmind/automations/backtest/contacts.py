"""Frequency caps over a past: contacts that were, and those that would have come besides."""

from __future__ import annotations

from collections import deque
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
#: Contacts farther apart lie in different weeks, by any zone's days, and beyond every gap.
_NEAR: Final = 9 * 24 * _HOUR


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
    theirs = _really_sent(past, channel, past.people(customers), own)
    ids = np.concatenate([customers, theirs["customer_id"].to_numpy()])
    instants = np.concatenate([at, theirs["ts"].to_numpy()])
    rows = np.concatenate([np.arange(customers.size), np.full(theirs.height, -1)])
    order = np.lexsort((rows, instants, ids))
    if min(_limit(cap.per_day), _limit(cap.per_week)) >= 1:
        order = order[_has_neighbours(ids[order], instants[order])]
    ids, instants = ids[order], instants[order]
    contacts = Contacts(ids, instants, _days(past, ids, instants, zone), rows[order])
    granted[_refused(contacts, cap)] = False
    return granted


def _has_neighbours(ids: np.ndarray, instants: np.ndarray) -> np.ndarray:
    """Whether another contact of the customer is near enough to matter: who has none is within
    any cap."""
    near = (ids[1:] == ids[:-1]) & (np.diff(instants) < _NEAR)
    found: np.ndarray = np.concatenate([[False], near]) | np.concatenate([near, [False]])
    return found


def _limit(most: int | None) -> float:
    return np.inf if most is None else most


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
    wanted = pl.Series("customer_id", past.people(ids))
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


def _refused(contacts: Contacts, cap: Cap) -> list[int]:
    """Rows of messages that the cap does not allow any more."""
    per_day, per_week = _limit(cap.per_day), _limit(cap.per_week)
    gap = getattr(cap, "gap_hours", 0) * _HOUR
    refused = []
    whose, days, last = -1, deque[int](), None
    columns = (contacts.customers, contacts.at, contacts.days, contacts.row)
    for who, at, day, row in zip(*(column.tolist() for column in columns), strict=True):
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
        if row >= 0 and not is_free:
            refused.append(row)
            continue
        days.append(day)
        last = at
    return refused
