"""An experiment: who was put where, when, and for how long their acts count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np

#: The name of those who are kept out on purpose.
HOLDOUT: Final = "holdout"
#: For so many days orders count unless something else is asked.
DAYS: Final = 7


@dataclass(frozen=True)
class Experiment:
    """Groups that chance drew from one audience.

    ``arms``: customer ids (Int64, each id once in all) by variant; ``control``: those held out.
    ``weights``: the shares they were drawn with, by variant and ``HOLDOUT``; relative.
    """

    arms: Mapping[str, np.ndarray]
    control: np.ndarray
    weights: Mapping[str, float]
    start: datetime
    days: int = DAYS

    @property
    def until(self) -> datetime:
        """The end of the window in which orders count."""
        return self.start + timedelta(days=self.days)
