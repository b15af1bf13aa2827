"""The interpreter of a serving process: what is loaded stays, and threads differ."""

from __future__ import annotations

import gc
import sys
from typing import Final

#: Seconds after which a thread that computes makes room: a preview waits for the interpreter once
#: for every query and every engine call, beside threads that read batches.
SWITCH_SECONDS: Final = 0.001


def settle() -> None:
    """Set the interpreter for serving; what is loaded by now is never searched for cycles again."""
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(SWITCH_SECONDS)
