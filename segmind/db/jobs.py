"""Long jobs as rows: progress that survives a restart and that anybody can see."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Engine, Identity, Table, Text, func, select

from segmind.db.metadata import Instant, Json, metadata

job = Table(
    "job",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("kind", Text, nullable=False),  # import, seed, seal, launch, export ...
    Column("title", Text, nullable=False),
    Column("state", Text, nullable=False, server_default="running"),  # running, done, failed
    Column("done", BigInteger, nullable=False, server_default="0"),
    Column("total", BigInteger),
    Column("message", Text, nullable=False, server_default=""),
    Column("result", Json),
    Column("started_at", Instant, nullable=False, server_default=func.now()),
    Column("updated_at", Instant, nullable=False, server_default=func.now()),
    Column("finished_at", Instant),
)


@dataclass(frozen=True, slots=True)
class Job:
    """One long job. ``share`` is done / total between 0 and 1, None while the total is unknown."""

    id: int
    kind: str
    title: str
    state: str
    done: int
    total: int | None
    message: str
    result: dict[str, Any] | None
    started_at: datetime
    updated_at: datetime
    finished_at: datetime | None

    @property
    def share(self) -> float | None:
        return min(1.0, self.done / self.total) if self.total else None


def start(engine: Engine, kind: str, title: str, total: int | None = None) -> int:
    """Record that a job began; returns its id. Committed at once, so that everybody sees it."""
    with engine.begin() as conn:
        values = {"kind": kind, "title": title, "total": total}
        return int(conn.execute(job.insert().values(values).returning(job.c.id)).scalar_one())


def progress(engine: Engine, job_id: int, done: int, message: str = "") -> None:
    """Say how far the job is."""
    with engine.begin() as conn:
        conn.execute(
            job.update()
            .where(job.c.id == job_id)
            .values(done=done, message=message, updated_at=func.now())
        )


def finish(
    engine: Engine, job_id: int, *, result: dict[str, Any] | None = None, failed: str | None = None
) -> None:
    """Close the job: done with its ``result``, or failed with a sentence."""
    with engine.begin() as conn:
        conn.execute(
            job.update()
            .where(job.c.id == job_id)
            .values(
                state="failed" if failed else "done",
                message=failed or "",
                result=result,
                done=func.coalesce(job.c.total, job.c.done) if not failed else job.c.done,
                updated_at=func.now(),
                finished_at=func.now(),
            )
        )


def recent(conn: Connection, limit: int = 20) -> list[Job]:
    """The newest jobs first."""
    rows = conn.execute(select(job).order_by(job.c.id.desc()).limit(limit))
    return [Job(**row) for row in rows.mappings()]
