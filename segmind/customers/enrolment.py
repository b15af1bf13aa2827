"""Customers by the million: known ids looked up together, missing customers made by COPY.

Numbers of customers index arrays, so they must stay dense: exactly as many are drawn as customers
are missing, and those that remain when somebody else made one of them at the same moment go to the
next ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, TypeVar

import polars as pl
from psycopg import Error, errors
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from segmind.db import copy
from segmind.errors import Conflict

Namespace = Literal["user", "anonymous"]
T = TypeVar("T")

ATTEMPTS: Final = 5
_NUMBERED: Final = {"external_id": pl.String(), "customer_id": pl.Int64()}
#: Serialization failure and deadlock: nothing happened, and it may be tried again.
_TRANSIENT: Final = frozenset({"40001", "40P01"})


class TooBusy(Conflict):
    """These ids are being resolved by others at the same moment."""

    hint = "Send the call again."


class Enrolment:
    """Resolves ids in bulk, for one thread; keeps the numbers that were drawn and not given."""

    def __init__(self) -> None:
        self._spare: list[int] = []
        self._given: list[int] = []

    def run(self, engine: Engine, act: Callable[[Connection], T]) -> T:
        """``act``, which may call ``resolve``, in a transaction of its own.

        Tried again where PostgreSQL undid it to let another writer of the same ids pass.
        """
        for attempt in range(1, ATTEMPTS + 1):
            self._given = []
            try:
                with engine.begin() as conn:
                    return act(conn)
            except (DBAPIError, Error) as error:
                cause = error.orig if isinstance(error, DBAPIError) else error
                if getattr(cause, "sqlstate", None) not in _TRANSIENT or attempt == ATTEMPTS:
                    raise
                self._spare = sorted({*self._spare, *self._given})
        raise AssertionError("unreachable")

    def resolve(self, conn: Connection, ids: pl.Series, namespace: Namespace) -> pl.Series:
        """Internal ids (Int64) for external ``ids``, row by row; null stays null.

        Creates the customers that are missing, in the order of their external ids, so that two
        writers hardly ever wait for each other in a circle. Whoever creates one of them at the
        same moment is waited for, and both get the same customer.
        """
        asked = ids.cast(pl.String).rename("external_id")
        wanted = asked.drop_nulls().unique().sort().to_frame()
        if wanted.is_empty():
            return pl.Series(ids.name, [None] * ids.len(), dtype=pl.Int64)
        known = _find(conn, wanted, namespace)
        missing = wanted.join(known, on="external_id", how="anti", maintain_order="left")
        if missing.height:
            known = pl.concat([known, self._create(conn, missing, namespace)])
        if known.height != wanted.height:
            raise TooBusy()
        resolved = asked.to_frame().join(known, on="external_id", how="left", maintain_order="left")
        return resolved.get_column("customer_id").rename(ids.name)

    def _create(
        self, conn: Connection, missing: pl.DataFrame, namespace: Namespace
    ) -> pl.DataFrame:
        numbers = self._draw(conn, missing.height)
        made = missing.with_columns(pl.Series("customer_id", numbers, dtype=pl.Int64))
        try:
            with conn.begin_nested():
                named = made.with_columns(pl.lit(namespace).alias("namespace"))
                copy.copy_in(conn, "identity", named)
        except errors.UniqueViolation:
            return self._create_around_others(conn, made, namespace)
        _insert(conn, made, namespace)
        return made

    def _create_around_others(
        self, conn: Connection, made: pl.DataFrame, namespace: Namespace
    ) -> pl.DataFrame:
        """Somebody else has just made some of them: theirs are found, the others made."""
        _stage(conn, made)
        claimed = pl.DataFrame(
            conn.execute(text(_CLAIM), {"namespace": namespace}).all(), _NUMBERED, orient="row"
        )
        _insert(conn, claimed, namespace)
        left = made.join(claimed, on="customer_id", how="anti")
        self._spare += left["customer_id"].to_list()
        theirs = _find(conn, left.select("external_id"), namespace)
        return pl.concat([claimed, theirs])

    def _draw(self, conn: Connection, count: int) -> list[int]:
        numbers, self._spare = self._spare[:count], self._spare[count:]
        more = conn.execute(text(_DRAW), {"count": count - len(numbers)}).scalars()
        numbers += more
        self._given += numbers
        return numbers


def _find(conn: Connection, wanted: pl.DataFrame, namespace: Namespace) -> pl.DataFrame:
    _stage(conn, wanted)
    return copy.copy_out(conn, _FIND, _NUMBERED, (namespace,))


def _stage(conn: Connection, frame: pl.DataFrame) -> None:
    conn.execute(text(_STAGE))
    conn.execute(text("TRUNCATE wanted_id"))
    copy.copy_in(conn, "wanted_id", frame)
    conn.execute(text("ANALYZE wanted_id"))


def _insert(conn: Connection, made: pl.DataFrame, namespace: Namespace) -> None:
    people = made.select(
        pl.col("customer_id").alias("id"),
        "external_id",
        pl.lit(namespace == "anonymous").alias("is_anonymous"),
    )
    copy.copy_in(conn, "customer", people)


_STAGE: Final = (
    "CREATE TEMP TABLE IF NOT EXISTS wanted_id (external_id text, customer_id bigint) "
    "ON COMMIT DELETE ROWS"
)
_FIND: Final = (
    "SELECT w.external_id, i.customer_id FROM wanted_id w "
    "JOIN identity i ON i.namespace = %s AND i.external_id = w.external_id"
)
_DRAW: Final = "SELECT nextval('customer_id_seq') FROM generate_series(1, :count)"
_CLAIM: Final = """
INSERT INTO identity (namespace, external_id, customer_id)
SELECT :namespace, external_id, customer_id FROM wanted_id ORDER BY external_id
ON CONFLICT DO NOTHING
RETURNING external_id, customer_id
"""
