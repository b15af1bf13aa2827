"""Judging opens and clicks again: with what came later, or under changed rules.

Receipts keep their rows, messages their counts, events their places; only the flag moves, in all
three alike. What a provider said itself is kept beside the judgement (``told``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import polars as pl
from sqlalchemy import Connection, text

from segmind.channels.delivery import Delivery, Word
from segmind.channels.providers.sandbox import NAME as SANDBOX
from segmind.db import jobs
from segmind.db.engine import Store
from segmind.db.locks import lock
from segmind.events import keys
from segmind.events.rewriting import Change, rewrite
from segmind.events.schema import Kind
from segmind.messages.engagement import Engagement
from segmind.messages.links import OURS
from segmind.messages.machines import Act, judge
from segmind.workspace import product_settings
from segmind.workspace.product_settings import MachineRules

#: Messages judged in one transaction.
PORTION: Final = 2_000


@dataclass(frozen=True, slots=True)
class Rescored:
    """Messages looked at, and acts whose flag changed."""

    messages: int
    flipped: int


@dataclass(frozen=True, slots=True)
class _Flip:
    event_id: UUID
    day: date
    machine: bool


def rescore(store: Store, since: datetime, title: str | None = None) -> Rescored:
    """Judge every message with an open or click received ``since``; a repeat changes nothing.

    With a ``title`` it is a job that everybody sees. User agents are forgotten with the receipts'
    personal parts (retention): acts whose agent is gone keep what was judged by it.
    """
    job_id = jobs.start(store.engine, "rescore", title) if title else None
    try:
        done = _all(store, since, job_id)
    except BaseException as error:
        if job_id is not None:
            jobs.finish(store.engine, job_id, failed=type(error).__name__)
        raise
    if job_id is not None:
        result = {"messages": done.messages, "flipped": done.flipped}
        jobs.finish(store.engine, job_id, result=result)
    return done


def _all(store: Store, since: datetime, job_id: int | None) -> Rescored:
    messages, above = 0, 0
    flips: list[_Flip] = []
    while True:
        with store.engine.begin() as conn:
            lock(conn, "rescore")
            rules = product_settings.load(conn).machine_rules
            ids = _ids(conn, since, above)
            if not ids:
                break
            flips += _portion(conn, ids, rules)
        messages, above = messages + len(ids), ids[-1]
        if job_id is not None:
            jobs.progress(store.engine, job_id, messages, f"{messages:,} messages")
    _flag_in_files(store, flips)
    return Rescored(messages, len(flips))


def _ids(conn: Connection, since: datetime, above: int) -> list[int]:
    rows = conn.execute(
        text("""
            SELECT DISTINCT message_id FROM webhook_inbox
            WHERE message_id > :above AND received_at >= :since
              AND delivery->>'word' IN ('opened', 'clicked')
            ORDER BY message_id LIMIT :portion
        """),
        {"above": above, "since": since, "portion": PORTION},
    )
    return [int(each) for each in rows.scalars()]


def _portion(conn: Connection, ids: Sequence[int], rules: MachineRules) -> list[_Flip]:
    messages = conn.execute(
        text("""
            SELECT m.id, m.public_id, m.delivered_at, m.sent_at,
                   (SELECT count(*) FROM link l
                    WHERE l.template_version_id = m.template_version_id) AS links
            FROM message m WHERE m.id = ANY(:ids) ORDER BY m.id FOR UPDATE
        """),
        {"ids": list(ids)},
    ).all()
    reports = _reports(conn, ids)
    flipped: dict[int, bool] = {}
    flips: list[_Flip] = []
    sums: list[dict[str, Any]] = []
    for message in messages:
        its = reports[message.id]
        acts = [_act(report, extra) for _, report, extra in its]
        verdicts = judge(
            acts,
            arrived=message.delivered_at or message.sent_at,
            links=message.links,
            rules=rules,
        )
        changed = False
        verdicts = [
            # The sandbox's people live sixty times as fast: seconds say nothing of them.
            report.machine if report.provider == SANDBOX else machine
            for (_, report, _), machine in zip(its, verdicts, strict=True)
        ]
        for (inbox_id, report, _), machine in zip(its, verdicts, strict=True):
            if machine != report.machine:
                changed = True
                flipped[inbox_id] = machine
                flips.append(_flip(message.public_id, report, machine))
        if changed:
            sums.append(_sums(message.id, its, verdicts))
    _write(conn, flipped, sums, flips)
    return flips


_Report = tuple[int, Delivery, dict[str, Any]]


def _reports(conn: Connection, ids: Sequence[int]) -> dict[int, list[_Report]]:
    rows = conn.execute(
        text("""
            SELECT id, message_id, delivery FROM webhook_inbox
            WHERE message_id = ANY(:ids) AND outcome = 'applied'
              AND delivery->>'word' IN ('opened', 'clicked') ORDER BY id
        """),
        {"ids": list(ids)},
    )
    found: defaultdict[int, list[_Report]] = defaultdict(list)
    for inbox_id, message_id, stored in rows:
        found[message_id].append((inbox_id, Delivery.from_json(stored), stored))
    return found


def _act(report: Delivery, stored: dict[str, Any]) -> Act:
    """What the report says by itself. A provider's word holds, and so does what was judged by an
    agent that is forgotten by now; ``judged`` marks what only we said."""
    ours = report.provider == OURS
    told = report.agent is None and report.machine and (ours or not stored.get("judged", False))
    url = (report.url or "") if report.word is Word.CLICKED else None
    return Act(report.at, url, report.agent, report.method or "GET", told)


def _flip(public_id: UUID, report: Delivery, machine: bool) -> _Flip:
    name = f"message:{public_id}:{report.word}:{report.provider}:{report.dedupe_key}"
    return _Flip(keys.event_id(name), report.at.date(), machine)


def _sums(message_id: int, its: Iterable[_Report], verdicts: Sequence[bool]) -> dict[str, Any]:
    total = Engagement()
    for (_, report, _), machine in zip(its, verdicts, strict=True):
        total.add(report.with_machine(machine), report.at)
    names = ("opened_at", "clicked_at", "opens", "clicks", "machine_opens", "machine_clicks")
    return {"id": message_id} | {name: getattr(total, name) for name in names}


def _write(
    conn: Connection,
    flipped: dict[int, bool],
    sums: Sequence[dict[str, Any]],
    flips: Sequence[_Flip],
) -> None:
    if not flipped:
        return
    conn.execute(
        text("""
            UPDATE webhook_inbox w
            SET delivery = w.delivery
                || jsonb_build_object('machine', g.machine, 'judged', g.machine)
            FROM unnest(CAST(:ids AS bigint[]), CAST(:machines AS boolean[])) AS g(id, machine)
            WHERE w.id = g.id
        """),
        {"ids": list(flipped), "machines": list(flipped.values())},
    )
    conn.execute(
        text("""
            UPDATE message SET opened_at = :opened_at, clicked_at = :clicked_at, opens = :opens,
                   clicks = :clicks, machine_opens = :machine_opens,
                   machine_clicks = :machine_clicks
            WHERE id = :id
        """),
        list(sums),
    )
    # A new seq, so that readers who keep the tail see that it changed.
    conn.execute(
        text("""
            UPDATE event_recent e SET machine = g.machine, seq = DEFAULT
            FROM unnest(CAST(:ids AS uuid[]), CAST(:machines AS boolean[])) AS g(id, machine)
            WHERE e.event_id = g.id
        """),
        {"ids": [f.event_id for f in flips], "machines": [f.machine for f in flips]},
    )


def _flag_in_files(store: Store, flips: Sequence[_Flip]) -> None:
    """The same flags in events that are sealed by now."""
    days = {flip.day for flip in flips}
    for machine in (True, False):
        halves = [keys.halves(flip.event_id) for flip in flips if flip.machine is machine]
        if not halves:
            continue
        high = pl.Series([h for h, _ in halves], dtype=pl.Int64).implode()
        low = pl.Series([w for _, w in halves], dtype=pl.Int64).implode()
        rows = (
            pl.col("kind").is_in([int(Kind.MESSAGE_OPENED), int(Kind.MESSAGE_CLICKED)])
            & pl.col("event_hi").is_in(high)
            & pl.col("event_lo").is_in(low)
            & pl.col("machine").ne_missing(machine)
        )
        rewrite(store, Change(rows, "machine", pl.lit(machine)), days=days)
