"""The sandbox carrier's book in PostgreSQL: what it took, written before it says so.

It stands for the vendor's side: its transactions are its own, so a dispatcher that dies right
afterwards cannot undo them, and a message that was handed over twice is seen to be.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Engine, text

from segmind.channels.providers.sandbox import ParcelRef


class CarrierBook:
    """``channels.providers.sandbox.Ledger``, kept in the table ``sandbox_parcel``."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def record(self, refs: Sequence[ParcelRef]) -> None:
        """Writes the parcels down; one that is there already counts one more time."""
        with self._engine.begin() as conn:
            conn.execute(
                text("""
                    INSERT INTO sandbox_parcel AS p (message_public_id, provider_id, channel)
                    SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:provider_ids AS text[]),
                                         CAST(:channels AS text[])) AS g(id, p, c) ORDER BY id
                    ON CONFLICT (message_public_id) DO UPDATE SET times = p.times + 1
                """),
                {
                    "ids": [ref.message_public_id for ref in refs],
                    "provider_ids": [ref.provider_id for ref in refs],
                    "channels": [ref.channel.value for ref in refs],
                },
            )

    def holds(self, message_public_id: UUID) -> bool:
        """Whether the parcel was taken."""
        with self._engine.connect() as conn:
            found = conn.execute(
                text("SELECT 1 FROM sandbox_parcel WHERE message_public_id = :id"),
                {"id": message_public_id},
            )
            return found.scalar() is not None
