"""Every job of the scheduler, on a shop in which nothing has happened and on a small one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import text

from scheduler.context import Context
from scheduler.jobs import JOBS
from segmind import clock
from segmind.db.engine import Store
from segmind.events import ingest
from segmind.events.ingest import NewEvent
from segmind.segments import segment


@pytest.fixture
def context() -> Iterator[Context]:
    context = Context()
    yield context
    context.stopping.set()


def run_all(store: Store, context: Context) -> None:
    for job in JOBS:
        try:
            job.run(store, context)
        except Exception as error:
            raise AssertionError(f"The job {job.name} failed.") from error


def a_small_shop(store: Store) -> None:
    """Ten customers who looked at something in the last ten days, and a segment of them all."""
    now = clock.now()
    with store.engine.begin() as conn:
        conn.execute(
            text(
                "INSERT INTO customer (email, email_consent)"
                " SELECT 'c' || n || '@example.com', 1 FROM generate_series(1, 10) AS n"
            )
        )
        looks = [
            NewEvent(f"look-{n}", "product_viewed", now - timedelta(days=n), customer_id=n)
            for n in range(1, 11)
        ]
        ingest.append(conn, looks, now)
        segment.create(conn, "Everybody", {"type": "all", "conditions": []}, now=now)


def test_every_job_runs_where_there_is_nothing_to_do(store: Store, context: Context) -> None:
    run_all(store, context)


def test_every_job_runs_and_runs_again_in_a_small_shop(store: Store, context: Context) -> None:
    a_small_shop(store)
    for _ in range(3):  # what one round makes is there for the next
        run_all(store, context)
