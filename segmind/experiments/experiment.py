"""An experiment: who was put where, when, and for how long their acts count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import polars as pl

#: The name of those who are kept out on purpose.
HOLDOUT: Final = "holdout"
#: For so many days orders count unless something else is asked.
DAYS: Final = 7


@dataclass(frozen=True)
class Experiment:
    """Groups that chance drew from one audience.

    ``arms``: customer ids (Int64, each id once in all) by variant; ``control``: those held out.
    ``weights``: the shares they were drawn with, by variant and ``HOLDOUT``; relative.
    ``goes_on``: it has no end of its own, so that one looks at it again and again.
    """

    arms: Mapping[str, np.ndarray]
    control: np.ndarray
    weights: Mapping[str, float]
    start: datetime
    days: int = DAYS
    goes_on: bool = False

    @property
    def until(self) -> datetime:
        """The end of the window in which orders count."""
        return self.start + timedelta(days=self.days)


@dataclass(frozen=True)
class Rolling:
    """Groups that chance drew from customers who came one after the other; the acts of each count
    for ``days`` from their own start.

    ``entrants``: customer_id Int64 (each once), arm String (``HOLDOUT``: held out), start (UTC).
    ``weights`` as an experiment's; ``until``: who came from then on is not among them.
    """

    entrants: pl.DataFrame
    weights: Mapping[str, float]
    since: datetime
    until: datetime
    days: int = DAYS
