"""The interpreter of a serving process: set for many small objects, and for threads that differ."""

from __future__ import annotations

import gc
import sys
from typing import Final

#: A batch of events is ten thousand dicts without a cycle among them. At the default of 700 new
#: objects the search for cycles takes as long as reading the batch.
SEARCH_AFTER: Final = 50_000
#: Seconds after which a thread that computes makes room: a preview waits for the interpreter once
#: for every query and every engine call, beside threads that read batches.
SWITCH_SECONDS: Final = 0.001


def settle() -> None:
    """Set the interpreter for serving; what is loaded by now is never searched for cycles again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(SEARCH_AFTER, 10, 10)
    sys.setswitchinterval(SWITCH_SECONDS)
