"""Signs of life: each scheduler process says that it runs, and how late its jobs are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Float, Table, Text, func, select, text
from sqlalchemy.dialects.postgresql import insert

from segmind.db.metadata import Instant, Json, metadata

#: A process silent for longer than this is taken for dead.
ALIVE_SECONDS = 15.0
#: A process silent for longer than this is forgotten.
FORGET_SECONDS = 86_400.0

heartbeat = Table(
    "heartbeat",
    metadata,
    Column("process", Text, primary_key=True),  # host:pid
    Column("started_at", Instant, nullable=False, server_default=func.now()),
    Column("beat_at", Instant, nullable=False, server_default=func.now()),
    Column("detail", Json),  # by job: seconds late, last outcome
    Column("lag_seconds", Float, nullable=False, server_default="0"),
)


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The last sign of life of one process. ``silent_seconds`` is by the database's clock."""

    process: str
    started_at: datetime
    beat_at: datetime
    lag_seconds: float
    detail: dict[str, Any]
    silent_seconds: float

    @property
    def alive(self) -> bool:
        return self.silent_seconds <= ALIVE_SECONDS


def beat(conn: Connection, process: str, lag_seconds: float, detail: dict[str, Any]) -> None:
    """Say that ``process`` lives; forget processes that have been silent for a day."""
    now = func.clock_timestamp()
    conn.execute(
        insert(heartbeat)
        .values(process=process, beat_at=now, lag_seconds=lag_seconds, detail=detail)
        .on_conflict_do_update(
            index_elements=["process"],
            set_={"beat_at": now, "lag_seconds": lag_seconds, "detail": detail},
        )
    )
    conn.execute(
        heartbeat.delete().where(
            heartbeat.c.beat_at
            < now - text("make_interval(secs => :s)").bindparams(s=FORGET_SECONDS)
        )
    )


def leave(conn: Connection, process: str) -> None:
    """Say that ``process`` stopped on purpose."""
    conn.execute(heartbeat.delete().where(heartbeat.c.process == process))


def all_of_them(conn: Connection) -> list[Heartbeat]:
    """Every process that is remembered, the liveliest first."""
    silent = func.extract("epoch", func.clock_timestamp() - heartbeat.c.beat_at)
    rows = conn.execute(select(heartbeat, silent.label("silent")).order_by(silent))
    return [
        Heartbeat(
            process=row.process,
            started_at=row.started_at,
            beat_at=row.beat_at,
            lag_seconds=row.lag_seconds,
            detail=row.detail or {},
            silent_seconds=max(0.0, float(row.silent)),
        )
        for row in rows
    ]


def scheduler(conn: Connection) -> Heartbeat | None:
    """The liveliest scheduler, or None when none ever ran (or all of them left)."""
    return next(iter(all_of_them(conn)), None)
