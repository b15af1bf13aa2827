"""Telling what is due: claim, call, write down. Any number of processes may do it at once.

A claim commits before any call and is a lease: a process that is killed leaves its rows to the next
one after the lease. So a receiver may hear the same thing twice, with the same ``webhook-id``, and
never not at all.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, text

from segmind.callbacks import retry, signing
from segmind.callbacks.address import Rules
from segmind.callbacks.client import Answer, Client, Lookup, system_lookup
from segmind.callbacks.retry import RetryPolicy
from segmind.callbacks.state import State
from segmind.db.engine import Store

#: Calls at a time, and how many of them may go to one host: a slow receiver holds up no other.
BATCH: Final = 100
PER_HOST: Final = 25
#: Due rows looked at to fill a batch.
_LOOKED_AT: Final = 2_000
#: Longer than a batch can take (every call ends after ``client.SECONDS``).
LEASE: Final = timedelta(seconds=60)
#: Finished calls are forgotten after this long, so many at a time.
KEPT: Final = timedelta(days=30)
_PRUNED: Final = 5_000


@dataclass(frozen=True, slots=True)
class Told:
    """What one round did; ``again`` failed and are tried later."""

    delivered: int = 0
    again: int = 0
    given_up: int = 0
    refused: int = 0
    expired: int = 0

    @property
    def seen(self) -> int:
        return self.delivered + self.again + self.given_up + self.refused + self.expired


def deliver_due(
    store: Store,
    secrets: Sequence[str],
    rules: Rules,
    now: datetime,
    *,
    policy: RetryPolicy = retry.DEFAULT,
    lookup: Lookup = system_lookup,
    batch: int = BATCH,
    draw: random.Random | None = None,
) -> Told:
    """One round of what is due at ``now`` (the system's time, also while the product's stands).

    ``secrets`` sign, the newest first. Call again while the report has ``seen`` something.

    Raises:
        signing.BadSecret: a secret cannot be read; nothing was claimed.
    """
    signing.headers(secrets, "probe", b"", now)
    with store.engine.begin() as conn:
        expired = _expire(conn, now)
        rows = _claim(conn, now, batch)
    if not rows:
        return Told(expired=expired)
    answers = asyncio.run(_call(rows, secrets, rules, lookup, now))
    with store.engine.begin() as conn:
        # Spreads the second tries; no secret.
        dice = draw if draw is not None else random.Random()  # noqa: S311
        states = _write_down(conn, rows, answers, now, policy, dice)
    count = states.count
    return Told(
        delivered=count(State.DELIVERED),
        again=count(State.WAITING),
        given_up=count(State.GIVEN_UP),
        refused=count(State.REFUSED),
        expired=expired + count(State.EXPIRED),
    )


def prune(conn: Connection, now: datetime) -> int:
    """Forget finished calls older than 30 days, some at a time; returns how many."""
    return conn.execute(
        text("""
            DELETE FROM callback WHERE id IN (
                SELECT id FROM callback WHERE finished_at < :before
                ORDER BY finished_at LIMIT :limit FOR UPDATE SKIP LOCKED)
        """),
        {"before": now - KEPT, "limit": _PRUNED},
    ).rowcount


def _expire(conn: Connection, now: datetime) -> int:
    return conn.execute(
        text("""
            UPDATE callback SET state = 3, finished_at = :now, lease_until = NULL,
                last_problem = COALESCE(last_problem || ' ', '') || 'Its time was over.'
            WHERE id IN (
                SELECT id FROM callback
                WHERE state = 0 AND due_at <= :now AND expires_at <= :now
                  AND (lease_until IS NULL OR lease_until < :now)
                LIMIT :limit FOR UPDATE SKIP LOCKED)
        """),
        {"now": now, "limit": _LOOKED_AT},
    ).rowcount


def _claim(conn: Connection, now: datetime, batch: int) -> list[RowMapping]:
    """Lease what is due, the longest due first; at most ``PER_HOST`` for each host."""
    rows = conn.execute(
        text("""
            WITH due AS (
                SELECT id, host, due_at FROM callback
                WHERE state = 0 AND due_at <= :now AND (lease_until IS NULL OR lease_until < :now)
                ORDER BY due_at LIMIT :looked_at
            ), ranked AS (
                SELECT id, due_at, row_number() OVER (PARTITION BY host ORDER BY due_at, id) AS n
                FROM due
            ), taken AS (
                SELECT c.id FROM callback c
                WHERE c.id IN (SELECT id FROM ranked WHERE n <= :per_host
                               ORDER BY due_at, id LIMIT :batch)
                  AND c.state = 0 AND (c.lease_until IS NULL OR c.lease_until < :now)
                FOR UPDATE SKIP LOCKED
            )
            UPDATE callback c SET lease_until = :until, tries = c.tries + 1, tried_at = :now
            FROM taken WHERE c.id = taken.id
            RETURNING c.id, c.public_id, c.url, c.body, c.tries, c.lease_until, c.expires_at
        """),
        {
            "now": now,
            "until": now + LEASE,
            "looked_at": _LOOKED_AT,
            "per_host": PER_HOST,
            "batch": batch,
        },
    )
    return list(rows.mappings())


async def _call(
    rows: Sequence[RowMapping],
    secrets: Sequence[str],
    rules: Rules,
    lookup: Lookup,
    now: datetime,
) -> list[Answer]:
    async with Client(rules, lookup=lookup) as client:

        async def one(row: RowMapping) -> Answer:
            body = row["body"].encode()
            signed = signing.headers(secrets, f"msg_{row['public_id'].hex}", body, now)
            return await client.post(row["url"], body, signed)

        return list(await asyncio.gather(*(one(row) for row in rows)))


def _write_down(
    conn: Connection,
    rows: Sequence[RowMapping],
    answers: Sequence[Answer],
    now: datetime,
    policy: RetryPolicy,
    draw: random.Random,
) -> list[State]:
    """Only where the lease is still ours: who came later knows better."""
    judged = [
        _judge(row, answer, now, policy, draw) for row, answer in zip(rows, answers, strict=True)
    ]
    conn.execute(
        text("""
            UPDATE callback c SET
                state = g.state, due_at = COALESCE(g.due_at, c.due_at), lease_until = NULL,
                finished_at = CASE WHEN g.state = 0 THEN NULL ELSE CAST(:now AS timestamptz) END,
                last_status = g.status, last_answer = g.said, last_problem = g.problem,
                last_ms = g.ms
            FROM unnest(CAST(:ids AS bigint[]), CAST(:leases AS timestamptz[]),
                        CAST(:states AS smallint[]), CAST(:dues AS timestamptz[]),
                        CAST(:statuses AS int[]), CAST(:saids AS text[]),
                        CAST(:problems AS text[]), CAST(:mss AS int[]))
                 AS g(id, lease, state, due_at, status, said, problem, ms)
            WHERE c.id = g.id AND c.state = 0 AND c.lease_until = g.lease
        """),
        {"now": now, "leases": [row["lease_until"] for row in rows], **_columns(judged)},
    )
    return [State(verdict["state"]) for verdict in judged]


def _judge(
    row: RowMapping, answer: Answer, now: datetime, policy: RetryPolicy, draw: random.Random
) -> dict[str, Any]:
    state, due_at, problem = State.DELIVERED, None, answer.problem
    if answer.refused:
        state = State.REFUSED
    elif answer.over:
        state = State.GIVEN_UP
    elif not answer.taken:
        due_at = retry.again_at(policy, row["tries"], answer.wait, now, draw)
        state = State.WAITING if due_at is not None else State.GIVEN_UP
        if due_at is not None and due_at >= row["expires_at"]:
            state, due_at = State.EXPIRED, None
            problem = f"{problem} Its time was over before another try."
    return {
        "id": row["id"],
        "state": int(state),
        "due": due_at,
        "status": answer.status,
        "said": answer.said.replace("\0", "") or None,
        "problem": problem or None,
        "ms": answer.milliseconds,
    }


def _columns(judged: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    plural = {
        "id": "ids",
        "state": "states",
        "due": "dues",
        "status": "statuses",
        "said": "saids",
        "problem": "problems",
        "ms": "mss",
    }
    return {many: [each[one] for each in judged] for one, many in plural.items()}
