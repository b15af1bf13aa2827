"""How long people wait for something, where some could not be watched to the end."""

from __future__ import annotations

import numpy as np


def still_waiting(ended: np.ndarray, unwatched: np.ndarray) -> np.ndarray:
    """The share that still waits after each of some ascending times (Kaplan and Meier 1958).

    ``ended``: how many stopped waiting at each time; ``unwatched``: of how many nothing is known
    after it. Who ends at an instant counts as watched until then.
    """
    leaving = ended + unwatched
    at_risk = leaving.sum() - np.concatenate(([0], np.cumsum(leaving)[:-1]))
    lost = np.divide(ended, at_risk, out=np.zeros(ended.size), where=at_risk > 0)
    share: np.ndarray = np.cumprod(1 - lost)
    return share
