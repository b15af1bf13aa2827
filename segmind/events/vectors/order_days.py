"""The calendar days on which customers ordered, as pairs in order: what cohorts and gaps are of.

The pairs of whole rolled days are sorted once and kept; those at the edges of a window, and of
customers whom rolled days do not know rightly, are put in at their places.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Final

import numpy as np

from segmind.events.vectors.columns import of_starts
from segmind.events.vectors.instants import day_numbers
from segmind.events.vectors.memory import RANGES, Arrays
from segmind.events.vectors.parts import Parts
from segmind.events.vectors.sorting import ascending_once

#: Bits of a pair that tell the day, counted from _FIRST: days from 1790 to 2149 are told apart.
_BITS: Final = 17
_FIRST: Final = -(1 << 16)
_EPOCH: Final = date(1970, 1, 1).toordinal()


def packed(customers: np.ndarray, days: np.ndarray) -> np.ndarray:
    """Customers and days since 1970 as one integer each, which orders by customer, then by day."""
    pairs: np.ndarray = (customers.astype(np.int64) << _BITS) + (days - _FIRST)
    return pairs


def customers_of(pairs: np.ndarray) -> np.ndarray:
    """The customers of pairs."""
    customers: np.ndarray = pairs >> _BITS
    return customers


def days_of(pairs: np.ndarray) -> np.ndarray:
    """The days since 1970 of pairs."""
    days: np.ndarray = (pairs & ((1 << _BITS) - 1)) + _FIRST
    return days


def order_days(parts: Parts, size: int) -> np.ndarray:
    """The different pairs of customers (of now) and days on which an order of theirs started in the
    window of ``parts``, ascending (Int64).

    Of ids below ``size``.
    """
    rolled, merges = parts.rolled, parts.rolled.rows.merges
    whole = _of_days(tuple((rolled.days[day].orders, day) for day in parts.days))
    beside = parts.orders("first_ts")
    more = [packed(who, day_numbers(when, rolled.zone)) for who, when in beside]
    behind = merges.behind(rolled.touched).to_numpy()
    gone, into = (merges.frame[name].to_numpy() for name in ("from_id", "into_id"))
    if behind.size or gone.size:
        customers = customers_of(whole)
        is_right, is_gone = ~np.isin(customers, behind), np.isin(customers, gone)
        more.append(whole[is_right & is_gone])
        whole = whole[is_right & ~is_gone]
    news = np.concatenate([np.zeros(0, np.int64), *more])
    if gone.size and news.size:
        who = customers_of(news)
        at = np.minimum(np.searchsorted(gone, who), gone.size - 1)
        news = packed(np.where(gone[at] == who, into[at], who), days_of(news))
    found = _with(whole, ascending_once(news))
    return found[: np.searchsorted(found, size << _BITS)]


def _with(whole: np.ndarray, news: np.ndarray) -> np.ndarray:
    """The pairs with the new ones among them, where they are not there yet; all ascend."""
    at = np.searchsorted(whole, news)
    is_there = np.zeros(news.size, np.bool_)
    inside = at < whole.size
    is_there[inside] = whole[at[inside]] == news[inside]
    return np.insert(whole, at[~is_there], news[~is_there])


def _of_days(days: tuple[tuple[Path, date], ...]) -> np.ndarray:
    """The pairs that lists of orders tell, under the ids that they know."""

    def read() -> Arrays:
        pairs = [
            packed(of_starts(path)[0], np.int64(day.toordinal() - _EPOCH)) for path, day in days
        ]
        return (ascending_once(np.concatenate([np.zeros(0, np.int64), *pairs])),)

    return RANGES.recall(("order days", days), read)[0]
