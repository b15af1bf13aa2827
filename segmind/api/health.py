"""Whether everything that Segmind needs is there."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from http import HTTPStatus
from typing import Any, Final, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy import select, text
from sqlalchemy.exc import SQLAlchemyError

from segmind import __version__
from segmind.api.caller import StoreOf
from segmind.api.stores import Stores
from segmind.db import heartbeat
from segmind.db.engine import Store
from segmind.errors import Unavailable
from segmind.events.files import fault_of, known_fault
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
        default=0, description="Files of the catalogue that are missing or damaged."
    )
    faults: list[str] = Field(
        default=[], description="The first of them by name, each with what is wrong."
    )


class Files(BaseModel):
    """Whether every file of the catalogue is there, byte for byte."""

    status: Literal["ok", "damaged"]
    files: int = Field(description="How many files there should be.")
    faults: list[str] = Field(description="Every file that is missing or damaged, by name.")


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


@router.get("/health/files", responses={503: {"model": Files, "description": "Some are not."}})
def file_health(store: StoreOf, response: Response) -> Files:
    """Every file compared with its checksum; 503 names those that are missing or damaged.

    For monitors: Segmind itself still answers, without what is in these files. The first look of a
    process reads every byte, later ones only what changed. Needs no key.
    """
    response.headers["Cache-Control"] = "no-store"
    with store.engine.connect() as conn:
        listed = conn.execute(_LISTED).all()
    faults = _named(listed, lambda row: fault_of(store.lake, row.path, row.bytes, row.checksum))
    if faults:
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    return Files(status="damaged" if faults else "ok", files=len(listed), faults=faults)


def _look(store: Store) -> Health:
    with store.engine.connect() as conn:
        conn.execute(text("SELECT 1"))
        beat = heartbeat.scheduler(conn)
        listed = conn.execute(_LISTED).all()
    lake = os.access(store.lake, os.R_OK | os.W_OK | os.X_OK)
    # What nobody has read yet is measured, not read: this check is asked every few seconds.
    check = partial(known_fault, store.lake)
    faults = _named(listed, lambda row: check(row.path, row.bytes, row.checksum)) if lake else []
    alive = beat is not None and beat.alive
    well = alive and not faults
    return Health(
        status="down" if not lake else "ok" if well else "degraded",
        version=__version__,
        database="ok",
        lake="ok" if lake else "missing",
        scheduler="never_seen" if beat is None else "ok" if alive else "silent",
        scheduler_lag_seconds=beat.lag_seconds if beat is not None else None,
        incomplete_files=len(faults),
        faults=faults[:MOST_NAMED],
    )


def _named(listed: Sequence[Any], fault: Callable[[Any], str | None]) -> list[str]:
    return [f"{row.path} is {found}" for row in listed if (found := fault(row)) is not None]


#: Names in an answer that somebody reads every few seconds.
MOST_NAMED: Final = 20
_LISTED: Final = select(event_file.c.path, event_file.c.bytes, event_file.c.checksum).order_by(
    event_file.c.path
)
