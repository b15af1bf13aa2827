"""What ends runs: when first an event was known that does."""

from __future__ import annotations

import numpy as np

from segmind.automations.backtest.past import Past
from segmind.automations.backtest.timeline import NEVER
from segmind.automations.definition import Definition
from segmind.automations.flow import Ask
from segmind.automations.walk import exits


def first_end(
    past: Past, definition: Definition, customers: np.ndarray, since: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """When first an event was known that ends a run which was triggered then (NEVER without any),
    and which of ``walk.exits`` it is."""
    end = np.full(customers.shape, NEVER)
    which = np.full(customers.shape, -1, dtype=np.int64)
    for n, (ask, _) in enumerate(exits(definition)):
        known = _next_known(past, ask, customers, since)
        sooner = known < end
        end[sooner], which[sooner] = known[sooner], n
    return end, which


def _next_known(past: Past, ask: Ask, customers: np.ndarray, since: np.ndarray) -> np.ndarray:
    return past.asked(ask).next_known(customers, since, later=ask.strictly_later)
