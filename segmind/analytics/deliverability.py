"""Deliverability: what bounces, complains and opts out, by provider and by where messages go.

Every figure is a question to the log: a message counts once in each column, at its first such
receipt in the period. Whose provider and which domain or country, its row says (``carriage``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import polars as pl

from segmind.analytics import receipt_book
from segmind.analytics.buckets import buckets_of
from segmind.analytics.carriage import Carriage
from segmind.analytics.instants import micros
from segmind.analytics.period import Period
from segmind.analytics.receipt_book import METRICS
from segmind.customers.facts import Facts
from segmind.events.schema import Channel

Level = Literal["fine", "warning", "bad", "too few"]


@dataclass(frozen=True, slots=True)
class Threshold:
    """From which share of ``base`` on ``metric`` is worth a warning, and bad. ``why``: who says so,
    and what follows; ``low``: smaller is worse."""

    metric: str
    base: str
    channels: frozenset[Channel]
    warning: float
    bad: float
    why: str
    low: bool = False


_EMAIL, _SMS, _ALL = frozenset({Channel.EMAIL}), frozenset({Channel.SMS}), frozenset(Channel)

#: Mailbox providers' published limits (Gmail and Yahoo, bulk senders, 2024), else usual practice.
THRESHOLDS: Final = (
    Threshold(
        "complained", "delivered", _EMAIL, 0.001, 0.003,
        "Gmail and Yahoo ask for less than 0.1% complaints and deliver to spam from 0.3% on. "
        "Write less often, or to those who opened or clicked of late.",
    ),
    Threshold(
        "bounced", "sent", _EMAIL, 0.02, 0.05,
        "Above 2% mailbox providers doubt where the addresses come from; from 5% on providers "
        "suspend accounts. Bounced addresses are suppressed; look at where new ones come from.",
    ),
    Threshold(
        "bounced", "sent", _SMS, 0.05, 0.10,
        "Carriers filter senders whose messages often fail. Look at the reasons on Messages.",
    ),
    Threshold(
        "unsubscribed", "delivered", _EMAIL, 0.005, 0.01,
        "More than 0.5% leaving says that the messages are not what people signed up for.",
    ),
    Threshold(
        "unsubscribed", "delivered", _SMS, 0.03, 0.05,
        "Carriers look at STOP replies; from 5% on they block senders.",
    ),
    Threshold(
        "delivered", "sent", _ALL, 0.95, 0.85,
        "Less than 95% confirmed: see what bounced, and whether this provider reports at all.",
        low=True,
    ),
)  # fmt: skip
#: A share of fewer than this says nothing.
ENOUGH: Final = 100

#: How each figure is counted.
DEFINITIONS: Final = {
    "sent": "Messages that a provider took.",
    "delivered": "Confirmed by a receipt, as a share of sent.",
    "bounced": "Reported as bounced or undelivered, as a share of sent.",
    "complained": "Marked as spam by the recipient, as a share of delivered.",
    "unsubscribed": "One-click, link or STOP after a message, as a share of delivered.",
    "bots": "Messages opened or clicked by machines, as a share of all that were opened or "
    "clicked: mail privacy proxies open, security gateways click. They never count as people.",
}


@dataclass(frozen=True, slots=True)
class Alarm:
    """A threshold that was passed: where, by how much, and what that means."""

    level: Level
    channel: Channel
    place: str
    metric: str
    share: float
    limit: float
    why: str


def by_place(facts: Facts, carried: Carriage, period: Period) -> pl.DataFrame:
    """One row per channel, provider and place: channel Int8, provider, place String, METRICS Int64;
    most sent first. What has no row (any more) has channel 0 and empty texts."""
    long = _counted(facts, carried, period, by_bucket=False)
    return long.drop("bucket").sort(
        "sent", "channel", "provider", "place", descending=[True] + [False] * 3
    )


def over_time(facts: Facts, carried: Carriage, period: Period) -> pl.DataFrame:
    """One row per bucket and channel: bucket Datetime("us") local, channel Int8, METRICS Int64;
    buckets without messages are there with zeros, for each channel of the period."""
    long = _counted(facts, carried, period, by_bucket=True)
    counted = long.group_by("bucket", "channel").agg(pl.col(list(METRICS)).sum())
    starts = buckets_of(period).starts
    grid = starts.join(counted.select("channel").unique(), how="cross")
    filled = grid.join(counted, on=["bucket", "channel"], how="left")
    return filled.with_columns(pl.col(list(METRICS)).fill_null(0)).sort("bucket", "channel")


def grouped(table: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    """``by_place``'s rows added up by ``keys`` (provider, place, channel), most sent first."""
    added = table.group_by(keys).agg(pl.col(list(METRICS)).sum())
    return added.sort("sent", *keys, descending=[True] + [False] * len(keys))


def level(threshold: Threshold, part: int, whole: int) -> Level:
    """Whether ``part`` of ``whole`` is worth a warning."""
    if whole < ENOUGH:
        return "too few"
    share = part / whole
    if threshold.low:
        return (
            "bad" if share < threshold.bad else "warning" if share < threshold.warning else "fine"
        )
    return "bad" if share >= threshold.bad else "warning" if share >= threshold.warning else "fine"


def alarms(table: pl.DataFrame) -> list[Alarm]:
    """What passes a threshold, for each channel as a whole and for each place: the worst first.

    ``table``: as ``by_place``.
    """
    found: list[Alarm] = []
    wholes = grouped(table, ["channel"]).with_columns(pl.lit("").alias("place"))
    places = grouped(table, ["channel", "place"])
    for row in [*wholes.iter_rows(named=True), *places.iter_rows(named=True)]:
        if row["channel"] == 0:
            continue
        channel = Channel(row["channel"])
        for each in THRESHOLDS:
            part, whole = row[each.metric], row[each.base]
            judged = level(each, part, whole)
            if channel in each.channels and judged in {"warning", "bad"}:
                limit = each.bad if judged == "bad" else each.warning
                found.append(
                    Alarm(judged, channel, row["place"], each.metric, part / whole, limit, each.why)
                )
    return sorted(found, key=lambda w: (w.level != "bad", w.place != "", -w.share))


def _counted(facts: Facts, carried: Carriage, period: Period, *, by_bucket: bool) -> pl.DataFrame:
    """METRICS by bucket (null unless ``by_bucket``), channel, provider and place."""
    buckets = buckets_of(period)
    parts = []
    for sign, receipts in receipt_book.book(facts).parts:
        within, bucket = buckets.rows(receipts.ts)
        first = receipts.before[within] < micros(period.since)
        parts.append(
            (
                sign,
                receipts.message[within][first],
                receipts.metric[within][first].astype(np.int64),
                bucket[first] if by_bucket else np.zeros(int(first.sum()), np.int64),
            )
        )
    told = [
        (sign, carried.codes(message), metric, bucket) for sign, message, metric, bucket in parts
    ]
    places = carried.places()
    size = buckets.count if by_bucket else 1
    counts = np.zeros(places.height * size * len(METRICS), np.int64)
    for sign, place, metric, bucket in told:
        code = (place.astype(np.int64) * size + bucket) * len(METRICS) + metric
        counts += sign * np.bincount(code, minlength=len(counts))
    table = counts.reshape(-1, len(METRICS))
    at = np.flatnonzero(table.any(axis=1))
    frame = pl.DataFrame(
        {name: table[at, number] for number, name in enumerate(METRICS)},
        schema=dict.fromkeys(METRICS, pl.Int64()),
    )
    named = places.select(pl.all().gather(pl.Series(at // size, dtype=pl.Int64)))
    when = buckets.starts["bucket"].gather(at % size) if by_bucket else None
    bucket_column = (
        when.alias("bucket")
        if when is not None
        else pl.Series("bucket", [None] * len(at), dtype=pl.Datetime("us"))
    )
    return named.hstack([bucket_column]).hstack(frame)
