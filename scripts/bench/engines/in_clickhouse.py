"""ClickHouse in this process (chdb) on the Parquet files.

The columns' types are told: left to itself it takes all of them to be nullable, which is slower.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import chdb
import chdb.session

from scripts.bench.engines.engine import (
    Answer,
    Inputs,
    Ready,
    own_peak_bytes,
    timed,
    told,
)
from scripts.bench.questions.dialect import CLICKHOUSE, Asked, sql_of
from scripts.bench.questions.question import Question

_EVENT: Final = """
ts DateTime64(6, 'UTC'), customer_id Int64, kind Int16, session_key Nullable(Int64),
order_key Nullable(Int64), product_id Nullable(Int32), quantity Nullable(Int32),
value Nullable(Int64), channel Nullable(Int8), message_id Nullable(Int64), machine Nullable(Bool)
"""
_CUSTOMER: Final = "customer_id Int64, country Nullable(String), email_consent Nullable(Int8)"
_PRODUCT: Final = """
product_id Int32, category Nullable(String), brand Nullable(String)
"""
_BUCKET: Final = (
    "CREATE FUNCTION mixed AS (z, shift, factor) -> bitXor(z, bitShiftRight(z, shift)) * factor",
    "CREATE FUNCTION mixed_twice AS (z) -> mixed(mixed(z, 30, toUInt64(13787848793156543929)), "
    "27, toUInt64(10723151780598845931))",
    "CREATE FUNCTION folded AS (z) -> bitXor(z, bitShiftRight(z, 31)) % 10000",
    "CREATE FUNCTION bucket AS (id, seed) -> "
    "folded(mixed_twice(reinterpretAsUInt64(id) + toUInt64(seed)))",
)
#: As in the SQL standard: no partner is NULL, columns come before aliases, EXCEPT is of sets.
_SETTINGS: Final = (
    "join_use_nulls = 1",
    "prefer_column_name_to_alias = 1",
    "except_default_mode = 'DISTINCT'",
    "intersect_default_mode = 'DISTINCT'",
)


class InClickhouse:
    """Views on the files; nothing is loaded."""

    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs
        untyped: Any = chdb.session
        self._session = untyped.Session()

    def prepare(self) -> Ready:
        """Make the views."""
        _, seconds = timed(self._create)
        server = self._rows("SELECT version()")[0][0]
        return Ready(seconds, f"ClickHouse {server} (chdb {chdb.__version__})")

    def ask(self, question: Question, asked: Asked) -> tuple[Answer, float]:
        sql = sql_of(question.template(CLICKHOUSE), CLICKHOUSE, asked)
        if question.rule is not None:
            sql = (
                "SELECT count(), sum(customer_id), groupBitXor(customer_id) "
                f"FROM (SELECT assumeNotNull(customer_id) AS customer_id FROM ({sql}) AS m)"
            )
        rows, seconds = timed(lambda: self._rows(sql))
        return told(question, rows), seconds

    def peak_bytes(self) -> int:
        return own_peak_bytes()

    def close(self) -> None:
        self._session.close()

    def _create(self) -> None:
        given = self._inputs
        for setting in (f"max_threads = {given.threads}", *_SETTINGS):
            self._session.query(f"SET {setting}")
        self._session.query("CREATE DATABASE IF NOT EXISTS bench ENGINE = Atomic")
        self._session.query("USE bench")
        for name, path, columns in (
            ("event", _all_of(given.events), _EVENT),
            ("customer", given.customers, _CUSTOMER),
            ("product", given.products, _PRODUCT),
        ):
            types = " ".join(columns.split()).replace("'", "''")
            self._session.query(
                f"CREATE VIEW {name} AS SELECT * FROM file('{path}', Parquet, '{types}')"
            )
        for function in _BUCKET:
            self._session.query(function)

    def _rows(self, sql: str) -> list[list[Any]]:
        """Every row, whole numbers exact."""
        answer = str(self._session.query(sql, "JSONCompactEachRow"))
        return [
            [_number(value) for value in json.loads(line)] for line in answer.splitlines() if line
        ]


def _all_of(paths: Sequence[str]) -> str:
    """One pattern for these files."""
    folder = os.path.commonpath([Path(path).parent for path in paths])
    return f"{folder}/{{{','.join(os.path.relpath(path, folder) for path in paths)}}}"


def _number(value: Any) -> Any:
    """64-bit numbers come as text."""
    is_number = isinstance(value, str) and value.lstrip("-").isdigit()
    return int(value) if is_number else value
