"""A segment's members as a file: CSV or Parquet, ids only unless personal data is asked for."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

import polars as pl
from polars.io.plugins import register_io_source
from sqlalchemy import text

from segmind.customers.columns import CUSTOMER_COLUMNS
from segmind.customers.facts import Facts, read_facts
from segmind.db.engine import Store
from segmind.segments import member_files, membership
from segmind.segments.member_files import NotRefreshed
from segmind.segments.segment import get
from segmind.workspace import audit

Form = Literal["csv", "parquet"]

#: What says nothing of a person by itself: our number and the shop's own.
IDS: Final = ("customer_id", "external_id")
PERSONAL: Final = (
    "first_name",
    "last_name",
    "email",
    "phone",
    "country",
    "city",
    "language",
    "timezone",
    "birthday",
    "traits",
    "email_consent",
    "sms_consent",
    "push_consent",
)
MEDIA_TYPES: Final[dict[Form, str]] = {
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}
#: Members looked up together: what bounds the memory.
PORTION: Final = 50_000
_BYTES: Final = 256 * 1024

#: A cell that begins so is a formula to a spreadsheet; a telephone number is just a number.
_FORMULA: Final = r"^[=+\-@\t\r\n＝＋－＠]"
_NUMBER: Final = r"^\+\d+$"


@dataclass(frozen=True, slots=True)
class Export:
    """A file on its way out: ``total`` members as of ``as_of``, one row each, ids ascending.

    Whoever was erased or merged away since is a row with his number and nothing else, so that the
    rows are as many as the size that was shown. ``chunks`` may be read once.
    """

    file_name: str
    media_type: str
    total: int
    as_of: datetime
    chunks: Iterator[bytes]


def export(
    store: Store,
    segment_id: int,
    form: Form,
    *,
    personal: bool,
    as_of: datetime | None,
    actor: str,
    now: datetime,
) -> Export:
    """The members at the newest refresh, or at a past moment with the present rule.

    Memory stays bounded however large the segment is. That it was done, and whether with personal
    data, is audited; whether it may be done is for the caller to decide.

    Raises:
        NotFound: there is no such segment.
        InvalidRule: its rule can no longer be asked.
    """
    if as_of is None:
        membership.ensure(store, segment_id, now)
        members, moment, name = _newest(store, segment_id)
    else:
        members, moment = membership.members(store, segment_id, as_of), as_of
        with store.engine.connect() as conn:
            name = get(conn, segment_id).name
    detail = {
        "name": name,
        "format": form,
        "personal_data": personal,
        "customers": members.len(),
        "as_of": moment.isoformat(),
    }
    with store.engine.begin() as conn:
        audit.record(conn, actor, "segment.export", str(segment_id), detail)
    columns = (*IDS, *PERSONAL) if personal else IDS
    portions = rows(members, read_facts(store), columns)
    return Export(
        file_name=f"segment-{segment_id}-{moment:%Y-%m-%d}.{form}",
        media_type=MEDIA_TYPES[form],
        total=members.len(),
        as_of=moment,
        chunks=as_csv(portions, columns) if form == "csv" else as_parquet(portions, columns),
    )


def rows(members: pl.Series, facts: Facts, columns: tuple[str, ...]) -> Iterator[pl.DataFrame]:
    """One row for each member, ids ascending, in frames of at most ``PORTION`` rows."""
    for start in range(0, members.len(), PORTION):
        ids = members.slice(start, PORTION).rename("customer_id").to_frame()
        low, high = ids["customer_id"][0], ids["customer_id"][-1]
        near = facts.customers.filter(pl.col("customer_id").is_between(low, high))
        known = near.join(ids.lazy(), on="customer_id", how="semi").select(columns)
        found = known.collect(engine="streaming")
        yield ids.join(found, on="customer_id", how="left", maintain_order="left")


def as_csv(portions: Iterator[pl.DataFrame], columns: tuple[str, ...]) -> Iterator[bytes]:
    """CSV with a header, in which no text is a formula to a spreadsheet."""
    yield (",".join(columns) + "\r\n").encode()
    for frame in portions:
        safe = frame.with_columns(
            _harmless(c) for c, kind in frame.schema.items() if kind == pl.String
        )
        yield safe.write_csv(include_header=False, line_terminator="\r\n").encode()


def as_parquet(portions: Iterator[pl.DataFrame], columns: tuple[str, ...]) -> Iterator[bytes]:
    """Parquet (zstd), by way of a temporary file: its index comes last."""
    schema = {name: CUSTOMER_COLUMNS[name] for name in columns}

    def source(
        with_columns: list[str] | None,
        predicate: pl.Expr | None,
        n_rows: int | None,
        batch_size: int | None,
    ) -> Iterator[pl.DataFrame]:
        del with_columns, predicate, n_rows, batch_size  # nothing is pushed into a whole sink
        yield from portions

    with tempfile.TemporaryDirectory(prefix="segmind-export-") as folder:
        path = Path(folder) / "members.parquet"
        register_io_source(source, schema=pl.Schema(schema)).sink_parquet(path, compression="zstd")
        with path.open("rb") as file:
            while chunk := file.read(_BYTES):
                yield chunk


def _harmless(column: str) -> pl.Expr:
    value = pl.col(column)
    is_formula = value.str.contains(_FORMULA) & ~value.str.contains(_NUMBER)
    return (
        pl.when(is_formula).then(pl.concat_str(pl.lit("'"), value)).otherwise(value).alias(column)
    )


def _newest(store: Store, segment_id: int) -> tuple[pl.Series, datetime, str]:
    """The members of the newest refresh, its moment, and the segment's name: one snapshot."""
    with store.engine.connect() as conn:
        conn = conn.execution_options(isolation_level="REPEATABLE READ")
        with conn.begin():
            conn.execute(text("SET TRANSACTION READ ONLY"))
            segment = get(conn, segment_id)
            file = member_files.find(conn, store.lake, segment_id)
            if file is None or segment.size is None:
                raise NotRefreshed()
            return file.read(), segment.size.as_of, segment.name
