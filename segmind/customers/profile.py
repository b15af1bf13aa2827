"""Everything that the page of one customer shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

import polars as pl
from sqlalchemy import Connection, text

from segmind.customers import devices, queries
from segmind.customers.devices import Device
from segmind.customers.facts import Facts
from segmind.customers.queries import CustomerRow
from segmind.events.schema import NOT_IN_SESSION, Channel, Kind

_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class ExternalId:
    """An id under which the customer is known. ``namespace``: user or anonymous."""

    namespace: str
    external_id: str
    first_seen_at: datetime


@dataclass(frozen=True, slots=True)
class ChannelState:
    """May a channel be used: address, consent (True, False, None unknown) and since when."""

    channel: Channel
    address: str | None
    consent: bool | None
    suppressed: bool
    recorded_at: datetime | None
    source: str | None


@dataclass(frozen=True, slots=True)
class Totals:
    """What the customer did up to ``as_of``. Money in minor units; None: never."""

    sessions: int
    orders: int
    revenue: int
    refunds: int
    first_seen: datetime | None
    last_seen: datetime | None
    last_order: datetime | None

    @property
    def net_revenue(self) -> int:
        return self.revenue - self.refunds

    @property
    def conversion(self) -> float | None:
        """Orders / sessions; None without sessions."""
        return self.orders / self.sessions if self.sessions else None


@dataclass(frozen=True, slots=True)
class Profile:
    """One customer: who, by which ids and devices, reachable how, and what he did."""

    customer: CustomerRow
    language: str | None
    timezone: str | None
    birthday: date | None
    traits: Mapping[str, Any]
    ids: tuple[ExternalId, ...]
    devices: tuple[Device, ...]
    channels: tuple[ChannelState, ...]
    totals: Totals


def read(conn: Connection, facts: Facts, customer_id: int, as_of: datetime) -> Profile:
    """The profile of a customer; of a merged one, of who he is part of.

    Raises:
        CustomerNotFound: nobody has this id, or he was erased.
    """
    row = queries.get(conn, customer_id)
    more = (
        conn.execute(text("SELECT * FROM customer WHERE id = :id"), {"id": row.id}).mappings().one()
    )
    return Profile(
        customer=row,
        language=more["language"],
        timezone=more["timezone"],
        birthday=more["birthday"],
        traits=more["traits"],
        ids=_ids(conn, row.id),
        devices=tuple(devices.of_customer(conn, row.id)),
        channels=_channels(conn, dict(more)),
        totals=totals(facts, row.id, as_of),
    )


def totals(facts: Facts, customer_id: int, as_of: datetime) -> Totals:
    """Sessions, orders and money of one customer up to and including ``as_of``."""
    acts = {code for code in facts.log.names().values() if code not in NOT_IN_SESSION}
    kinds = acts | {Kind.SESSION, Kind.ORDER}
    own = facts.log.of_customers([customer_id])
    frame = own.totals(kinds, until=as_of + _MICROSECOND).collect()
    by_kind = {row["kind"]: row for row in frame.iter_rows(named=True)}

    def of(kind: Kind, column: str, missing: Any = 0) -> Any:
        return by_kind[kind][column] if kind in by_kind else missing

    did = frame.filter(pl.col("kind").is_in(sorted(acts)))
    first, last = did.select(pl.col("first_ts").min(), pl.col("last_ts").max()).row(0)
    return Totals(
        sessions=of(Kind.SESSION, "n"),
        orders=of(Kind.ORDER, "n"),
        revenue=of(Kind.ORDER_COMPLETED, "value"),
        refunds=of(Kind.ORDER_REFUNDED, "value"),
        first_seen=first,
        last_seen=last,
        last_order=of(Kind.ORDER, "last_ts", None),
    )


def _ids(conn: Connection, customer_id: int) -> tuple[ExternalId, ...]:
    rows = conn.execute(
        text(
            "SELECT namespace, external_id, first_seen_at FROM identity WHERE customer_id = :id "
            "ORDER BY namespace DESC, first_seen_at, external_id"
        ),
        {"id": customer_id},
    )
    return tuple(ExternalId(*row) for row in rows)


_ADDRESS: Final = {Channel.EMAIL: "email", Channel.SMS: "phone", Channel.PUSH: "push_token"}


def _channels(conn: Connection, customer: Mapping[str, Any]) -> tuple[ChannelState, ...]:
    # The ledger's rows are read as rows: its package stands above this one.
    rows = conn.execute(
        text(
            "SELECT DISTINCT ON (channel) channel, at, source FROM consent_entry "
            "WHERE customer_id = ANY("
            "ARRAY(SELECT from_id FROM customer_merge WHERE into_id = :id) || CAST(:id AS bigint)) "
            "ORDER BY channel, id DESC"
        ),
        {"id": customer["id"]},
    )
    latest = {row.channel: (row.at, row.source) for row in rows}
    states = []
    for channel, column in _ADDRESS.items():
        consent = customer[f"{channel.label}_consent"]
        recorded_at, source = latest.get(int(channel), (None, None))
        states.append(
            ChannelState(
                channel=channel,
                address=customer[column],
                consent=None if consent is None else bool(consent),
                suppressed=customer[f"{channel.label}_suppressed"],
                recorded_at=recorded_at,
                source=source,
            )
        )
    return tuple(states)
