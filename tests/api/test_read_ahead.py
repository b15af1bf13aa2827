"""What is read when serving begins."""

from __future__ import annotations

from datetime import UTC, datetime

from segmind.api.read_ahead import read_ahead
from segmind.customers.tracking import track
from segmind.db.engine import Store
from segmind.segments import segment
from segmind.segments.built_ins import BUILT_INS

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
#: Overview, funnel, quality of the log, and who carried the messages of the period and before it.
FIGURES = 5


def test_every_segment_and_the_first_figures_are_asked(store: Store) -> None:
    with store.engine.begin() as conn:
        segment.ensure_built_ins(conn, "test", NOW)
        call = {"type": "track", "event": "Product Viewed", "userId": "ann",
                "timestamp": "2026-03-01T11:00:00Z"}  # fmt: skip
        track(conn, [call], NOW)
    assert read_ahead(store, NOW) == len(BUILT_INS) + FIGURES


def test_an_empty_workspace_has_nothing_that_fails(store: Store) -> None:
    assert read_ahead(store, NOW) == FIGURES
