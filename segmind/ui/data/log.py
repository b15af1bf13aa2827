"""The event log: its health, its files, what was imported, and who works on it."""

from __future__ import annotations

import csv
import gzip
import io
import logging
import re
import shutil
import threading
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Final

import polars as pl
import streamlit as st
from sqlalchemy import select

from segmind import clock
from segmind.customers.imports import import_file, make_ready
from segmind.db import heartbeat
from segmind.db.engine import Store
from segmind.db.heartbeat import Heartbeat
from segmind.errors import InvalidInput, SegmindError
from segmind.events import quality
from segmind.events.importers.blocks import Blocks
from segmind.events.importers.csv_mapped import CsvMapped
from segmind.events.importers.format import Format
from segmind.events.importers.online_retail import OnlineRetail
from segmind.events.importers.rees46 import Rees46
from segmind.events.quality import Fault, Quality, Volume
from segmind.events.tables import import_run
from segmind.ui.access import allow
from segmind.ui.data import facts, workspace
from segmind.ui.store import store
from segmind.workspace.permissions import Action

_log = logging.getLogger(__name__)
#: So much of a file is read to show its first rows.
_BEGINNING: Final = 65_536
FORMATS = {
    "csv": "Any CSV, columns named by you",
    "rees46": "REES46 (event_time, event_type, product_id …)",
    "online-retail": "Online Retail (InvoiceNo, StockCode …)",
}


@dataclass(frozen=True, slots=True)
class Files:
    """What lies on disk, and what is wrong with it."""

    volumes: tuple[Volume, ...]
    faults: tuple[Fault, ...]


def measured() -> Quality:
    """The log in figures."""
    return _measured(facts.facts().log.version)


@st.cache_data(ttl=300, max_entries=2, show_spinner=False)
def _measured(version: str) -> Quality:
    del version
    return quality.measure(facts.facts().log)


@st.cache_data(ttl=30, max_entries=2, show_spinner=False)
def files() -> Files:
    """The log's files by kind, and those that are missing or damaged."""
    opened = store()
    with opened.engine.connect() as conn:
        return Files(tuple(quality.volumes(conn)), tuple(quality.faults(conn, opened)))


@st.cache_data(ttl=3, max_entries=2, show_spinner=False)
def imports() -> list[dict[str, Any]]:
    """The newest imports first, as rows of import_run."""
    query = select(import_run).order_by(import_run.c.id.desc()).limit(20)
    with store().engine.connect() as conn:
        return [dict(row) for row in conn.execute(query).mappings()]


def rejects(run_id: int) -> bytes:
    """The rejected rows of an import with their reasons, as CSV. Raises NotAllowed."""
    allow(Action.EXPORT_DATA)
    path = store().settings.home / "imports" / f"{run_id}.rejects.csv"
    return path.read_bytes() if path.exists() else b""


@st.cache_data(ttl=3, max_entries=2, show_spinner=False)
def schedulers() -> list[Heartbeat]:
    """Every scheduler process that is remembered, the liveliest first."""
    with store().engine.connect() as conn:
        return heartbeat.all_of_them(conn)


def keep_upload(name: str, data: BinaryIO) -> Path:
    """Keep an uploaded file where an import can read it after the page is gone."""
    allow(Action.IMPORT_DATA)
    folder = store().settings.home / "uploads"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (re.sub(r"[^\w.\-]+", "_", Path(name).name)[-120:] or "upload.csv")
    with path.open("wb") as file:
        shutil.copyfileobj(data, file)
    return path


def header_of(path: Path) -> list[str]:
    """The columns of a file. Raises InvalidInput: it has none."""
    return list(Blocks(path).header)


def first_rows(path: Path, count: int = 3) -> pl.DataFrame:
    """The first rows of a file as texts, by its header; without rows where it cannot be read."""
    header = header_of(path)
    try:
        with path.open("rb") as file:
            is_packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if is_packed else path.open("rb") as file:
            text = file.read(_BEGINNING).decode("utf-8-sig", "replace")
        rows = list(islice(csv.reader(io.StringIO(text)), 1, 1 + count))
    except (OSError, EOFError, zlib.error, csv.Error):
        rows = []
    whole = [row for row in rows if len(row) == len(header)]
    names = dict.fromkeys(header)  # a name that comes twice cannot be shown twice
    return pl.DataFrame(
        {name: [row[header.index(name)] for row in whole] for name in names},
        schema=dict.fromkeys(names, pl.String),
    )


def start_import(
    path: Path, format_name: str, columns: Mapping[str, str], constants: Mapping[str, str]
) -> None:
    """Import a kept upload in the background; its job shows how far it is.

    Raises:
        InvalidInput: the file or the mapping cannot be used; nothing was started.
    """
    allow(Action.IMPORT_DATA)
    chosen = _format(format_name, columns, constants)
    chosen.check(Blocks(path).header)
    # Not in this script's thread: leaving the page must not stop it. A restart in the middle
    # leaves nothing behind, and importing again is safe.
    worker = threading.Thread(
        target=_import, args=(store(), path, chosen), name=f"import {path.name}", daemon=True
    )
    worker.start()
    imports.clear()


def _import(opened: Store, path: Path, chosen: Format) -> None:
    try:
        import_file(opened, path, chosen, clock.now())
        make_ready(opened, clock.now())
    except SegmindError as error:
        _log.warning("The import of %s failed: %s", path.name, error)
    except Exception:
        _log.exception("The import of %s failed", path.name)
    finally:
        path.unlink(missing_ok=True)


def _format(name: str, columns: Mapping[str, str], constants: Mapping[str, str]) -> Format:
    if name == "csv":
        return CsvMapped(columns, constants)
    if name == "rees46":
        return Rees46()
    if name == "online-retail":
        return OnlineRetail()
    raise InvalidInput("Choose a format.", field="format")


def freeze_clock(at: datetime | None) -> None:
    """Let the product's time stand still at ``at``; None: let it run."""
    workspace.save_settings({"clock_frozen_at": at})
