"""One file into the log: a row in ``import_run``, a job with progress, a report that adds up."""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import polars as pl
from sqlalchemy import Connection, func, select

from segmind.db import jobs
from segmind.db.engine import Store
from segmind.errors import InvalidInput, NotFound
from segmind.events.bulk import append_bulk
from segmind.events.importers import tables
from segmind.events.importers.ahead import ahead
from segmind.events.importers.blocks import BLOCK_BYTES, Block, Blocks
from segmind.events.importers.format import Format
from segmind.events.importers.ids import Ids, ResolveCustomers
from segmind.events.importers.rejects import Rejects
from segmind.events.importers.tables import LAST_LINE, LINE, Table
from segmind.events.tables import import_run

_log: Final = logging.getLogger(__name__)
_SECONDS_BETWEEN_SIGNS: Final = 0.5


class FileNotThere(NotFound):
    """There is no file {path}."""

    code = "file_not_there"


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of a file: rows = accepted + repeated + rejected, always.

    ``state`` is done, or incomplete when the file is damaged (``problem`` says where): what came
    before the break is in. ``reasons`` counts rejected rows; ``figures`` are the format's.
    """

    run_id: int
    file_name: str
    format: str
    rows: int
    accepted: int
    repeated: int
    rejected: int
    state: str
    problem: str | None
    rejects_path: str | None
    first_ts: datetime | None
    last_ts: datetime | None
    reasons: dict[str, int] = field(default_factory=dict)
    figures: dict[str, Any] = field(default_factory=dict)


def run(
    store: Store,
    path: Path,
    file_format: Format,
    resolve_customers: ResolveCustomers,
    now: datetime,
    block_bytes: int = BLOCK_BYTES,
) -> ImportReport:
    """Import one file. Rows that are in the log already are repeated: importing twice is safe.

    Either everything up to the file's end (or break) goes in, or, when Segmind itself fails
    midway, nothing: then import it again.

    Raises:
        FileNotThere, EmptyFile, WrongColumns: before anything is written.
    """
    if not path.is_file():
        raise FileNotThere(path=str(path))
    blocks = Blocks(path, block_bytes)
    file_format.check(blocks.header)
    run_id = _begin(store, path, file_format)
    job_id = jobs.start(store.engine, "import", f"Import {path.name}", path.stat().st_size)
    rejects_path = store.settings.home / "imports" / f"{run_id}.rejects.csv"
    try:
        with Rejects(rejects_path) as rejects:
            rows = _Rows(store, blocks, file_format, Ids(store, resolve_customers), rejects, job_id)
            with closing(rows.batches()) as batches:
                bulk = append_bulk(store, batches, now)
            rows.reject_the_cut()
    except BaseException as error:
        reason = error.message if isinstance(error, InvalidInput) else type(error).__name__
        failed = f"Nothing went in: {reason}."
        _end(store, run_id, {"state": "failed", "report": {"problem": failed}})
        jobs.finish(store.engine, job_id, failed=failed)
        raise
    report = ImportReport(
        run_id=run_id,
        file_name=path.name,
        format=file_format.name,
        rows=rows.count,
        accepted=bulk.accepted,
        repeated=bulk.repeated,
        rejected=rejects.count,
        state="incomplete" if blocks.fault else "done",
        problem=blocks.fault,
        rejects_path=str(rejects.path) if rejects.path else None,
        first_ts=rows.first_ts,
        last_ts=rows.last_ts,
        reasons=dict(rejects.reasons.most_common()),
        figures=dict(file_format.figures()),
    )
    assert report.rows == report.accepted + report.repeated + report.rejected
    _finish(store, job_id, report, blocks.checksum)
    return report


class _Rows:
    """The file's rows on their way: counted, rejected ones put aside, the others made events."""

    def __init__(
        self,
        store: Store,
        blocks: Blocks,
        file_format: Format,
        ids: Ids,
        rejects: Rejects,
        job_id: int,
    ) -> None:
        self._store = store
        self._blocks = blocks
        self._format = file_format
        self._ids = ids
        self._rejects = rejects
        self._job_id = job_id
        self._signed_at = 0.0
        self.count = 0
        self.first_ts: datetime | None = None
        self.last_ts: datetime | None = None

    def batches(self) -> Generator[pl.DataFrame]:
        """Events by blocks of the file.

        Reading, reading values and looking customers up go on in threads of their own while a
        block is written.
        """
        with (
            closing(ahead(self._tables())) as read,
            closing(ahead(self._parsed(read))) as parsed,
            closing(ahead(self._ids.with_customers(rows) for rows in parsed)) as known,
        ):
            for rows in known:
                yield self._ids.events(rows)
                self._say()

    def _tables(self) -> Iterator[tuple[Block, Table]]:
        for block in self._blocks:
            yield block, tables.read(block, self._blocks.header)

    def _parsed(self, read: Iterator[tuple[Block, Table]]) -> Iterator[pl.DataFrame]:
        """The rows that are not rejected, as PARSED."""
        for block, table in read:
            self.count += table.frame.height + len(table.malformed)
            self._rejects.add(
                (m.line, m.reason, block.raw(m.line, m.last_line)) for m in table.malformed
            )
            parsed = self._format.parsed(table.frame)
            if parsed["reason"].null_count() < parsed.height:
                self._reject(block, table.frame, parsed["reason"])
                parsed = parsed.filter(pl.col("reason").is_null())
            self._see(parsed["ts"])
            if parsed.height:
                yield parsed

    def reject_the_cut(self) -> None:
        """The row in which a damaged file breaks off is a row too, and not a whole one."""
        cut = self._blocks.cut
        if cut is not None:
            self.count += 1
            raw = cut.raw(cut.first_line, cut.first_line)
            self._rejects.add([(cut.first_line, "the file breaks off in this row", raw)])

    def _reject(self, block: Block, frame: pl.DataFrame, reasons: pl.Series) -> None:
        bad = frame.select(LINE, LAST_LINE).with_columns(reasons).filter(reasons.is_not_null())
        self._rejects.add(
            (line, reason, block.raw(line, last)) for line, last, reason in bad.iter_rows()
        )

    def _see(self, instants: pl.Series) -> None:
        low, high = instants.min(), instants.max()
        if isinstance(low, datetime) and isinstance(high, datetime):
            self.first_ts = min(low, self.first_ts or low)
            self.last_ts = max(high, self.last_ts or high)

    def _say(self) -> None:
        if time.monotonic() - self._signed_at >= _SECONDS_BETWEEN_SIGNS:
            self._signed_at = time.monotonic()
            message = f"{self.count:,} rows read"
            jobs.progress(self._store.engine, self._job_id, self._blocks.consumed, message)


def _begin(store: Store, path: Path, file_format: Format) -> int:
    # The checksum is known when the file has been read.
    values = {"file_name": path.name, "format": file_format.name, "checksum": ""}
    with store.engine.begin() as conn:
        insert = import_run.insert().values(values).returning(import_run.c.id)
        return int(conn.execute(insert).scalar_one())


def _finish(store: Store, job_id: int, report: ImportReport, checksum: str) -> None:
    counts = {k: getattr(report, k) for k in ("rows", "accepted", "repeated", "rejected", "state")}
    told = {
        "reasons": report.reasons,
        "figures": report.figures,
        "problem": report.problem,
        "first_ts": report.first_ts.isoformat() if report.first_ts else None,
        "last_ts": report.last_ts.isoformat() if report.last_ts else None,
    }
    values = {**counts, "report": told, "rejects_path": report.rejects_path, "checksum": checksum}
    _end(store, report.run_id, values)
    jobs.finish(store.engine, job_id, result=counts | told, failed=report.problem)
    _log.info("Imported %s: %s", report.file_name, counts)


def _end(store: Store, run_id: int, values: dict[str, Any]) -> None:
    with store.engine.begin() as conn:
        statement = import_run.update().where(import_run.c.id == run_id)
        conn.execute(statement.values(**values, finished_at=func.now()))


def recent(conn: Connection, limit: int = 20) -> list[dict[str, Any]]:
    """The newest runs first, as rows of ``import_run``."""
    rows = conn.execute(select(import_run).order_by(import_run.c.id.desc()).limit(limit))
    return [dict(row) for row in rows.mappings()]


def as_json(report: ImportReport) -> dict[str, Any]:
    """The report as JSON-able values."""
    return {k: v.isoformat() if isinstance(v, datetime) else v for k, v in asdict(report).items()}
