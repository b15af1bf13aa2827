"""The models that were fitted, one a day."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Date, Double, Table, func

from segmind.db.metadata import Instant, metadata

#: Parameters as in ``bg_nbd`` (days) and ``gamma_gamma`` (minor units; null: no model of money).
prediction_model = Table(
    "prediction_model",
    metadata,
    Column("day", Date, primary_key=True),  # of the workspace's zone
    Column("as_of", Instant, nullable=False),  # its beginning: purchases before count
    Column("r", Double, nullable=False),
    Column("alpha", Double, nullable=False),
    Column("a", Double, nullable=False),
    Column("b", Double, nullable=False),
    Column("p", Double),
    Column("q", Double),
    Column("gamma", Double),
    Column("customers", BigInteger, nullable=False),
    Column("returned", BigInteger, nullable=False),
    Column("log_likelihood", Double, nullable=False),
    Column("correlation", Double),
    Column("fitted_at", Instant, nullable=False, server_default=func.clock_timestamp()),
)
