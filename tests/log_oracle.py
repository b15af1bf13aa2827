"""A naive reading of the log's definitions in plain Python, to compare the engine with."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from segmind.events.schema import Kind

GAP = timedelta(minutes=30)


@dataclass(frozen=True)
class Fact:
    """One event, with the client's own texts for its ids."""

    event_id: str
    ts: datetime
    customer_id: int
    kind: int
    session: str | None = None
    order: str | None = None
    quantity: int | None = None
    value: int | None = None


#: What happened when, as something that counts: (when, customer, kind, value, quantity).
Counted = tuple[datetime, int, int, int, int]


def counted(
    facts: Iterable[Fact],
    kinds: Collection[int],
    since: datetime | None,
    until: datetime | None,
    merged: dict[int, int],
) -> list[Counted]:
    """Everything of these kinds that counts in ``[since, until)``."""
    seen: dict[str, Fact] = {}
    for fact in facts:
        seen.setdefault(fact.event_id, fact)
    past = [(f, _now(f.customer_id, merged)) for f in seen.values() if not until or f.ts < until]
    found: list[Counted] = []
    for f, customer in past:
        if f.kind in kinds:
            found.append((f.ts, customer, f.kind, f.value or 0, f.quantity or 0))
    if Kind.SESSION in kinds:
        found += [(ts, c, int(Kind.SESSION), 0, 0) for ts, c in _sessions(past)]
    if Kind.ORDER in kinds:
        found += _orders(past)
    return [row for row in found if not since or row[0] >= since]


def totals(rows: Iterable[Counted]) -> set[tuple[object, ...]]:
    """Per customer and kind: (customer, kind, n, value, quantity, first, last)."""
    groups: dict[tuple[int, int], list[Counted]] = defaultdict(list)
    for row in rows:
        groups[row[1], row[2]].append(row)
    return {(*key, *_sums(its), min(its)[0], max(its)[0]) for key, its in groups.items()}


def daily(rows: Iterable[Counted], zone: ZoneInfo) -> set[tuple[object, ...]]:
    """Per day, customer and kind: (day, customer, kind, n, value, quantity)."""
    groups: dict[tuple[date, int, int], list[Counted]] = defaultdict(list)
    for row in rows:
        groups[row[0].astimezone(zone).date(), row[1], row[2]].append(row)
    return {(*key, *_sums(its)) for key, its in groups.items()}


def _sums(rows: list[Counted]) -> tuple[int, int, int]:
    return len(rows), sum(r[3] for r in rows), sum(r[4] for r in rows)


def _now(customer: int, merged: dict[int, int]) -> int:
    while customer in merged:
        customer = merged[customer]
    return customer


def _sessions(past: list[tuple[Fact, int]]) -> list[tuple[datetime, int]]:
    starts: list[tuple[datetime, int]] = []
    keyed: dict[tuple[int, str], datetime] = {}
    loose: dict[int, list[datetime]] = defaultdict(list)
    for fact, customer in past:
        if 10 <= fact.kind < 100:
            continue
        if fact.session is None:
            loose[customer].append(fact.ts)
        else:
            key = (customer, fact.session)
            keyed[key] = min(fact.ts, keyed.get(key, fact.ts))
    starts += [(ts, customer) for (customer, _), ts in keyed.items()]
    for customer, instants in loose.items():
        before = None
        for ts in sorted(instants):
            if before is None or ts - before > GAP:
                starts.append((ts, customer))
            before = ts
    return starts


def _orders(past: list[tuple[Fact, int]]) -> list[Counted]:
    orders: dict[tuple[int, str, str], list[Fact]] = defaultdict(list)
    for fact, customer in past:
        if fact.kind != Kind.ORDER_COMPLETED:
            continue
        if fact.order is not None:
            orders[customer, "order", fact.order].append(fact)
        elif fact.session is not None:
            orders[customer, "session", fact.session].append(fact)
        else:
            orders[customer, "line", fact.event_id].append(fact)
    return [
        (
            min(line.ts for line in lines),
            customer,
            int(Kind.ORDER),
            sum(line.value or 0 for line in lines),
            sum(line.quantity or 0 for line in lines),
        )
        for (customer, _, _), lines in orders.items()
    ]
