"""Questions can be stopped, and then they really stop."""

from __future__ import annotations

import resource
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from segmind import stopping
from segmind.events.merges import Merges
from segmind.events.rows import Rows, SealedFile
from segmind.events.schema import EVENT_COLUMNS, empty_events
from segmind.events.spans import Span
from segmind.stopping import OutOfTime, Running, Stop, Stopped, under

ROWS = 400_000
FILES = 12


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Rows:
    """Files enough that a question of them takes seconds."""
    chance = np.random.default_rng(7)
    start = pl.Series([0]).cast(EVENT_COLUMNS["ts"])
    frame = pl.DataFrame({"customer_id": chance.integers(0, 10**6, ROWS)}).select(
        (
            pl.col("customer_id")
            if name == "customer_id"
            else pl.lit(start[0] if name == "ts" else 1 if kind.is_integer() else None).alias(name)
        ).cast(kind)
        for name, kind in EVENT_COLUMNS.items()
    )
    path = tmp_path_factory.mktemp("lake") / "events.parquet"
    frame.write_parquet(path)
    file = SealedFile(1, Path(path), ROWS, start[0], start[0])
    return Rows((file,) * FILES, empty_events(), Merges.none())


def slow(log: Rows) -> int:
    """A question of some seconds over all rows."""
    rows = log.scan([Span()], ["customer_id", "event_lo"])
    hashed = rows.with_columns(
        *(pl.col("customer_id").hash(seed).alias(f"h{seed}") for seed in range(60))
    )
    return int(hashed.select(pl.sum_horizontal(pl.all().sum())).collect().height)


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def test_a_stopped_question_stops_using_the_processor(log: Rows) -> None:
    began = cpu()
    running = Running(lambda: slow(log))
    whole = running.result()
    alone = cpu() - began
    assert whole == 1

    running = Running(lambda: slow(log))
    time.sleep(0.05)
    running.stop.now()
    with pytest.raises(Stopped):
        running.result(timeout=alone + 30)
    after = cpu()
    time.sleep(max(0.3, alone / 2))
    assert cpu() - after < alone / 4


def test_a_question_out_of_time_ends_with_that_reason(log: Rows) -> None:
    with pytest.raises(OutOfTime):
        Running(lambda: slow(log), seconds=0.01).result(timeout=60)


def test_what_is_not_watched_is_read_as_before(log: Rows) -> None:
    plain = log.scan([Span()], ["customer_id"]).select(pl.len()).collect().item()
    with under(Stop()):
        watched = log.scan([Span()], ["customer_id"]).select(pl.len()).collect().item()
    assert plain == watched == ROWS * FILES
    assert not stopping.is_watched()


def test_errors_of_the_work_come_back() -> None:
    def fails() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        Running(fails).result(timeout=10)
