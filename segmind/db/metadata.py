"""One MetaData for every table, with names that migrations can rely on."""

from __future__ import annotations

from sqlalchemy import TIMESTAMP, MetaData
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

#: An instant: aware, UTC, microseconds.
Instant = TIMESTAMP(timezone=True)
Json = JSONB(none_as_null=True)
