"""PostgreSQL on a table with indexes, loaded by COPY into a database of its own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

import polars as pl
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.engine import make_url

from scripts.bench.engines.engine import Answer, Inputs, Ready, timed, told
from scripts.bench.engines.family import FamilyMemory
from scripts.bench.questions.dialect import POSTGRES, Asked, sql_of
from scripts.bench.questions.question import Question
from segmind.db.copy import copy_in
from segmind.db.engine import make_engine

_TABLES: Final = {
    # Unlogged: loading is quicker, reading is the same.
    "event": """CREATE UNLOGGED TABLE event (
        ts timestamptz NOT NULL, customer_id bigint NOT NULL, kind smallint NOT NULL,
        session_key bigint, order_key bigint, product_id integer, quantity integer, value bigint,
        channel smallint, message_id bigint, machine boolean)""",
    "customer": """CREATE UNLOGGED TABLE customer (
        customer_id bigint PRIMARY KEY, country text, email_consent smallint)""",
    "product": """CREATE UNLOGGED TABLE product (
        product_id integer PRIMARY KEY, category text, brand text)""",
}
_COLUMNS: Final = {
    "event": (
        "ts customer_id kind session_key order_key product_id quantity value channel message_id "
        "machine"
    ).split(),
    "customer": ["customer_id", "country", "email_consent"],
    "product": ["product_id", "category", "brand"],
}
_INDEXES: Final = (
    "CREATE INDEX ON event (customer_id, ts)",
    "CREATE INDEX ON event (kind, ts) INCLUDE (customer_id, value)",
    "CREATE INDEX ON event (customer_id, order_key) INCLUDE (ts, value) WHERE kind = 5",
    "CREATE INDEX ON event (customer_id, session_key) INCLUDE (ts, kind)"
    " WHERE session_key IS NOT NULL",
    "CREATE INDEX ON event (customer_id, ts) INCLUDE (kind) WHERE session_key IS NULL",
)
# SplitMix64: numeric for products that no integer holds, bigint for the bits.
_BUCKET: Final = """
CREATE FUNCTION unsigned(n numeric) RETURNS numeric IMMUTABLE STRICT PARALLEL SAFE LANGUAGE sql
AS $$ SELECT (n % 18446744073709551616 + 18446744073709551616) % 18446744073709551616 $$;
CREATE FUNCTION wrapped(n numeric) RETURNS bigint IMMUTABLE STRICT PARALLEL SAFE LANGUAGE sql
AS $$ SELECT (unsigned(n + 9223372036854775808) - 9223372036854775808)::bigint $$;
CREATE FUNCTION folded(z bigint, places integer) RETURNS bigint
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE sql
AS $$ SELECT z # ((z >> places) & ((1::bigint << (64 - places)) - 1)) $$;
CREATE FUNCTION mixed(z bigint, places integer, factor numeric) RETURNS bigint
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE sql
AS $$ SELECT wrapped(folded(z, places) * factor) $$;
CREATE FUNCTION bucket(id bigint, seed numeric) RETURNS integer
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE sql
AS $$ SELECT unsigned(folded(mixed(mixed(wrapped(id + seed), 30, 13787848793156543929),
  27, 10723151780598845931), 31)) % 10000 $$;
"""


class InPostgres:
    """A table of all events with indexes, vacuumed and analysed."""

    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs
        self._name = f"segmind_bench_{os.getpid()}"
        own = make_url(inputs.database_url).set(database=self._name)
        self._engine = make_engine(own.render_as_string(hide_password=False), pool_size=1)
        self._memory: FamilyMemory | None = None

    def prepare(self) -> Ready:
        """Make the database, load it, index it."""
        self._admin(f"CREATE DATABASE {self._name}")
        _, seconds = timed(self._load)
        with self._engine.connect() as conn:
            size = conn.execute(text("SELECT pg_database_size(current_database())")).scalar_one()
            version = conn.execute(text("SHOW server_version")).scalar_one()
            folder = conn.execute(text("SHOW data_directory")).scalar_one()
        self._memory = FamilyMemory(Path(folder))
        return Ready(seconds, f"PostgreSQL {version}", size)

    def ask(self, question: Question, asked: Asked) -> tuple[Answer, float]:
        sql = sql_of(question.template(POSTGRES), POSTGRES, asked)
        if question.rule is not None:
            sql = f"SELECT count(*), sum(customer_id), bit_xor(customer_id) FROM ({sql}) AS member"
        with self._engine.connect() as conn:
            conn.exec_driver_sql(f"SET timezone = '{self._inputs.zone}'")
            conn.exec_driver_sql("SET work_mem = '256MB'")
            conn.exec_driver_sql("SET random_page_cost = 1.1")
            # The leader works too.
            workers = max(0, self._inputs.threads - 1)
            conn.exec_driver_sql(f"SET max_parallel_workers_per_gather = {workers}")
            rows, seconds = timed(lambda: _rows(conn, sql))
        return told(question, rows), seconds

    def peak_bytes(self) -> int:
        return self._memory.peak_bytes() if self._memory else 0

    def close(self) -> None:
        if self._memory:
            self._memory.stop()
        self._engine.dispose()
        self._admin(f"DROP DATABASE IF EXISTS {self._name} WITH (FORCE)")

    def _load(self) -> None:
        given = self._inputs
        files = {"event": given.events, "customer": [given.customers], "product": [given.products]}
        for name, paths in files.items():
            with self._engine.begin() as conn:
                conn.execute(text(_TABLES[name]))
                for path in paths:
                    copy_in(conn, name, pl.read_parquet(path, columns=_COLUMNS[name]))
        with self._engine.begin() as conn:
            conn.execute(text("SET LOCAL maintenance_work_mem = '512MB'"))
            for index in _INDEXES:
                conn.execute(text(index))
            _run(conn, _BUCKET)
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
            conn.execute(text("VACUUM ANALYZE"))

    def _admin(self, statement: str) -> None:
        url = make_url(self._inputs.database_url).set(drivername="postgresql+psycopg")
        admin: Any = create_engine(url, isolation_level="AUTOCOMMIT")
        with admin.connect() as conn:
            conn.execute(text(statement))
        admin.dispose()


def _run(conn: Connection, sql: str) -> Any:
    """Without parameters, so that % is an operator."""
    cursor: Any = conn.connection.cursor()
    return cursor.execute(sql)


def _rows(conn: Connection, sql: str) -> list[tuple[Any, ...]]:
    return list(_run(conn, sql).fetchall())
