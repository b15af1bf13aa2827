"""Whether everything that Segmind needs is there."""

from __future__ import annotations

import os
from http import HTTPStatus
from typing import Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy import select, text
from sqlalchemy.exc import SQLAlchemyError

from segmind import __version__
from segmind.api.stores import Stores
from segmind.db import heartbeat
from segmind.db.engine import Store
from segmind.errors import Unavailable
from segmind.events.tables import event_file

router = APIRouter(tags=["Health"])


class Health(BaseModel):
    """``ok``: all is well. ``degraded``: it serves, something is missing. ``down``: it cannot."""

    status: Literal["ok", "degraded", "down"]
    version: str
    database: Literal["ok", "down"]
    lake: Literal["ok", "missing", "unknown"]
    scheduler: Literal["ok", "silent", "never_seen", "unknown"]
    scheduler_lag_seconds: float | None = Field(
        default=None, description="How late the scheduler's jobs run."
    )
    incomplete_files: int = Field(
        default=0, description="Event files of the catalogue that are missing or cut short."
    )


@router.get("/health", responses={503: {"model": Health, "description": "It cannot serve."}})
def health(request: Request, response: Response) -> Health:
    """Database, lake, scheduler and event files; needs no key. 503 only when it cannot serve."""
    response.headers["Cache-Control"] = "no-store"
    stores: Stores = request.app.state.stores
    try:
        found = _look(stores.get())
    except (Unavailable, SQLAlchemyError):
        stores.suspect()
        found = Health(
            status="down",
            version=__version__,
            database="down",
            lake="unknown",
            scheduler="unknown",
        )
    if found.status == "down":
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
        response.headers["Retry-After"] = "2"
    return found


def _look(store: Store) -> Health:
    with store.engine.connect() as conn:
        conn.execute(text("SELECT 1"))
        beat = heartbeat.scheduler(conn)
        files = conn.execute(select(event_file.c.path, event_file.c.bytes)).all()
    lake = os.access(store.lake, os.R_OK | os.W_OK | os.X_OK)
    incomplete = sum(not _is_whole(store, row.path, row.bytes) for row in files) if lake else 0
    alive = beat is not None and beat.alive
    well = alive and not incomplete
    return Health(
        status="down" if not lake else "ok" if well else "degraded",
        version=__version__,
        database="ok",
        lake="ok" if lake else "missing",
        scheduler="never_seen" if beat is None else "ok" if alive else "silent",
        scheduler_lag_seconds=beat.lag_seconds if beat is not None else None,
        incomplete_files=incomplete,
    )


def _is_whole(store: Store, path: str, size: int) -> bool:
    """A file that is there in full length; its checksum is the reader's business."""
    try:
        return (store.lake / path).stat().st_size == size
    except OSError:
        return False
