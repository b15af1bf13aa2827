"""What every test of sending can ask for."""

from __future__ import annotations

import pytest
from sending_bench import Bench

from segmind.db.engine import Store


@pytest.fixture
def bench(store: Store) -> Bench:
    return Bench(store)
