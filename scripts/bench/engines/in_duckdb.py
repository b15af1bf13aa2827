"""DuckDB on the Parquet files."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import duckdb

from scripts.bench.engines.engine import (
    Answer,
    Inputs,
    Ready,
    own_peak_bytes,
    timed,
    told,
)
from scripts.bench.questions.dialect import DUCKDB, Asked, sql_of
from scripts.bench.questions.question import Question

# SplitMix64 in 128 bits, cut to 64 after every product.
_BUCKET = """
CREATE MACRO wrapped(n) AS (n & 18446744073709551615::UHUGEINT)::UBIGINT;
CREATE MACRO mixed(z, shift, factor) AS
  wrapped(xor(z, z >> shift)::UHUGEINT * factor::UHUGEINT);
CREATE MACRO mixed_twice(z) AS
  mixed(mixed(z, 30, 13787848793156543929), 27, 10723151780598845931);
CREATE MACRO folded(z) AS xor(z, z >> 31) % 10000;
CREATE MACRO bucket(id, seed) AS
  folded(mixed_twice(wrapped(id::UHUGEINT + seed::UHUGEINT)));
"""


class InDuckdb:
    """Views on the files; nothing is loaded."""

    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs
        self._connection = duckdb.connect()

    def prepare(self) -> Ready:
        """Make the views."""
        _, seconds = timed(self._create)
        return Ready(seconds, f"DuckDB {duckdb.__version__}")

    def ask(self, question: Question, asked: Asked) -> tuple[Answer, float]:
        sql = sql_of(question.template(DUCKDB), DUCKDB, asked)
        if question.rule is not None:
            sql = f"SELECT count(*), sum(customer_id), bit_xor(customer_id) FROM ({sql}) AS member"
        rows, seconds = timed(lambda: self._connection.execute(sql).fetchall())
        return told(question, rows), seconds

    def peak_bytes(self) -> int:
        return own_peak_bytes()

    def close(self) -> None:
        self._connection.close()

    def _create(self) -> None:
        given, run = self._inputs, self._connection.execute
        run(f"SET threads = {given.threads}")
        run(f"SET TimeZone = '{ZoneInfo(given.zone).key}'")
        run(f"CREATE VIEW event AS SELECT * FROM read_parquet({list(given.events)!r})")
        run(f"CREATE VIEW customer AS SELECT * FROM read_parquet('{given.customers}')")
        run(f"CREATE VIEW product AS SELECT * FROM read_parquet('{given.products}')")
        run(_BUCKET)
