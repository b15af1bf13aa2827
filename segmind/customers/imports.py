"""Importing files of events, with the customers that they name."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import polars as pl
from sqlalchemy import Connection, text

from segmind.customers import columns, contact_points
from segmind.customers.enrolment import Enrolment, Namespace
from segmind.db import jobs
from segmind.db.copy import copy_in
from segmind.db.engine import Store
from segmind.events import rollup
from segmind.events.importers import importing
from segmind.events.importers.format import Format
from segmind.events.importers.importing import ImportReport
from segmind.events.rollup import RolledUp
from segmind.workspace import product_settings


def import_file(store: Store, path: Path, file_format: Format, now: datetime) -> ImportReport:
    """Import one file; see ``segmind.events.importers.importing.run`` for what is promised.

    Afterwards the customers' columns are written anew if the file brought many.

    Raises:
        InvalidInput: the file is missing, empty or of other columns; nothing was written.
    """
    report = importing.run(store, path, file_format, Resolver(store), now)
    columns.rebuild_if_due(store)
    return report


@dataclass(frozen=True, slots=True)
class Ready:
    """What had to be done before everything imported is answered at full speed."""

    rolled: RolledUp
    wrote_customers: bool


def make_ready(store: Store, now: datetime) -> Ready:
    """Bring the customers' columns and the sums of closed days up to the log, as a job.

    Answers are right without it, only slower; the scheduler does the same by and by. Safe beside
    it: what somebody else is at is left to them.
    """
    job_id = jobs.start(store.engine, "ready", "Sum up what was imported", total=2)
    try:
        wrote = columns.rebuild_if_due(store)
        jobs.progress(store.engine, job_id, 1, "Summing up days")
        with store.engine.connect() as conn:
            zone = product_settings.load(conn).zone
        rolled = rollup.roll(store, zone, now)
    except BaseException as error:
        jobs.finish(store.engine, job_id, failed=type(error).__name__)
        raise
    jobs.finish(store.engine, job_id, result=asdict(rolled) | {"customers": wrote})
    return Ready(rolled, wrote)


class Resolver:
    """Customers of a file, by namespace; a country goes to those who have none yet."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._enrolment = Enrolment()

    def __call__(
        self, ids: pl.Series, namespace: Namespace, countries: pl.Series | None
    ) -> pl.Series:
        def act(conn: Connection) -> pl.Series:
            resolved = self._enrolment.resolve(conn, ids, namespace)
            if countries is not None and countries.null_count() < countries.len():
                told = pl.DataFrame({"id": resolved, "country": countries}).drop_nulls()
                _tell_countries(conn, told)
            return resolved

        return self._enrolment.run(self._store.engine, act)


def _tell_countries(conn: Connection, told: pl.DataFrame) -> None:
    conn.execute(
        text(
            "CREATE TEMP TABLE IF NOT EXISTS told_country (id bigint, country text) "
            "ON COMMIT DELETE ROWS"
        )
    )
    conn.execute(text("TRUNCATE told_country"))
    first = told.unique("id", keep="first", maintain_order=True).sort("id")
    names = {name: contact_points.country(name) for name in first["country"].unique()}
    named = pl.col("country").replace_strict(names, return_dtype=pl.String)
    copy_in(conn, "told_country", first.with_columns(named))
    conn.execute(
        text(
            "UPDATE customer c SET country = t.country FROM told_country t "
            "WHERE c.id = t.id AND c.country IS NULL AND c.erased_at IS NULL"
        )
    )
