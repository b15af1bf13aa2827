"""What the benchmark of segments asks has one answer, whichever engine is asked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from scripts.bench.engines.engine import Answer, Engine
from scripts.bench.engines.in_duckdb import InDuckdb
from scripts.bench.engines.in_postgres import InPostgres
from scripts.bench.engines.in_segmind import InSegmind
from scripts.bench.home import Shop, Unsuitable, shop_of
from scripts.bench.questions import QUESTIONS
from scripts.bench.questions.dialect import Asked
from scripts.demo_shop.make import make
from segmind import clock
from segmind.customers.tracking import track
from segmind.db.engine import Store

SHOP_MADE = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@pytest.fixture
def shop(store: Store, tmp_path: Path) -> Iterator[Shop]:
    make(store, events=20_000, seed=11, now=SHOP_MADE, history=(), say=lambda _: None)
    _live_on(store)
    yield shop_of(store, tmp_path, threads=2)
    clock.use(None)  # making a shop may have told it whom to follow


def _live_on(store: Store) -> None:
    """Events that are not in files yet."""
    calls = [
        {
            "type": "track",
            "event": "Product Viewed",
            "userId": f"C{number:08}",
            "timestamp": (SHOP_MADE + timedelta(seconds=number)).isoformat(),
            "properties": {"product_id": "1000000"},
            "context": {"sessionId": f"late-{number}"},
        }
        for number in range(1, 40)
    ]
    with store.engine.begin() as conn:
        assert {its.status for its in track(conn, calls, SHOP_MADE)} == {"accepted"}


def test_every_question_has_the_same_answer_in_every_engine(store: Store, shop: Shop) -> None:
    engines: list[Engine] = [InSegmind(store), InDuckdb(shop.inputs), InPostgres(shop.inputs)]
    present, past = shop.as_of, shop.as_of - timedelta(days=11, hours=5, microseconds=3)
    answers: list[list[Answer]] = []
    for engine in engines:
        try:
            engine.prepare()
            answers.append([
                engine.ask(question, Asked(moment, ZoneInfo(shop.inputs.zone)))[0]
                for moment in (present, past)
                for question in QUESTIONS
            ])  # fmt: skip
        finally:
            engine.close()
    ours, duckdb, postgres = answers
    assert ours == duckdb == postgres
    empty = [q.name for q, answer in zip(QUESTIONS, ours, strict=False) if not answer[0][0]]
    assert empty == [], "A question that nobody answers compares nothing."


def test_a_shop_of_which_the_sql_knows_too_little_is_refused(store: Store, tmp_path: Path) -> None:
    with pytest.raises(Unsuitable, match="The log is empty"):
        shop_of(store, tmp_path, threads=2)
    _live_on(store)
    with store.engine.begin() as conn:
        conn.execute(text("UPDATE customer SET erased_at = now() WHERE external_id = 'C00000007'"))
    with pytest.raises(Unsuitable, match="1 customers are merged or erased"):
        shop_of(store, tmp_path, threads=2)
