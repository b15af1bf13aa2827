"""What all marketing together causes: everybody beside those who get none at all."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import numpy as np
import polars as pl

from segmind.analytics.lift import Lift, measure
from segmind.customers.facts import Facts
from segmind.errors import Conflict
from segmind.experiments.experiment import HOLDOUT, Experiment
from segmind.experiments.holdouts import GLOBAL_SALT, in_holdout

#: The name of those who may get marketing.
EVERYBODY_ELSE: Final = "everybody else"


class NoGlobalHoldout(Conflict):
    """There is no global holdout, so what all marketing causes is not known."""

    code = "no_global_holdout"
    hint = "Hold one to five percent of all customers out in Settings, and come back in some weeks."


def global_experiment(
    facts: Facts, percent: float, begun: datetime | None, as_of: datetime, days: int
) -> Experiment:
    """All customers of now, parted by the global holdout of ``percent``, over the last ``days``,
    but not from before it had ``begun``: since it has its present size.

    Raises:
        NoGlobalHoldout: nobody is held out.
    """
    if percent <= 0 or begun is None:
        raise NoGlobalHoldout
    ids = np.flatnonzero(facts.is_customer)
    held = in_holdout(pl.Series("customer_id", ids), GLOBAL_SALT, percent).to_numpy()
    return Experiment(
        arms={EVERYBODY_ELSE: ids[~held]},
        control=ids[held],
        weights={EVERYBODY_ELSE: 100 - percent, HOLDOUT: percent},
        start=max(begun, as_of - timedelta(days=days)),
        days=days,
        goes_on=True,
    )


def global_lift(
    facts: Facts, percent: float, begun: datetime | None, as_of: datetime, days: int
) -> Lift:
    """The lift of all marketing; see ``global_experiment`` and ``lift.measure``."""
    return measure(facts, global_experiment(facts, percent, begun, as_of, days), as_of)
