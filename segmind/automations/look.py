"""One look at the facts for the automations whose turns come at about the same time.

While events come in, every look finds news, and making them out takes some milliseconds of
Python and of the database: with ten automations that were thirty looks a second. An automation
whose turn comes within half a second of a look shares it; its pass is as if it had begun then.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, text

from segmind.automations.rules import matching_in
from segmind.automations.world import FactsWorld
from segmind.customers.facts import Facts, read_facts
from segmind.db.engine import Store
from segmind.segments.moment import Moment
from segmind.segments.sources import Sources

#: Seconds for which a look is shared: short beside the seconds for which messages are let out.
SHARED_FOR: Final = 0.5


@dataclass(frozen=True, slots=True)
class Look:
    """``facts`` as of ``now``, the product's time. ``begun``: by the database's clock; whatever was
    committed before it is in the facts. ``sources``: what one asks of them, others need not."""

    begun: datetime
    now: datetime
    facts: Facts
    sources: Sources

    def world(self, conn: Connection) -> FactsWorld:
        """The world as it was then; segments are looked up by ``conn``."""
        return FactsWorld(self.facts, self.now, matching_in(conn), self.sources)


class Looks:
    """Looks at a store by the present of ``clock``, each shared for SHARED_FOR seconds."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._newest: Look | None = None
        self._until = 0.0

    def present(self) -> Look:
        """A look that is not older than SHARED_FOR."""
        if self._newest is None or time.monotonic() >= self._until:
            self._until = time.monotonic() + SHARED_FOR
            with self._store.engine.connect() as conn:
                begun: datetime = conn.execute(text("SELECT clock_timestamp()")).scalar_one()
            now = self._clock()
            facts = read_facts(self._store)
            sources = Sources(facts, Moment(now, facts.zone))
            self._newest = Look(begun, now, facts, sources)
        return self._newest
