"""Memory that is freed is kept for what comes next; imported before Polars, which asks once.

The shop is made day by day, in arrays of the same few megabytes again and again. Given back to the
system each time, they have to be paged in anew: at 12 million events the system took 5.6 and 6.2 s
of the processor in runs of 30 and 31 s, and 4.2 s in one of 28 s in which they were kept (1.9 GB at
most instead of 1.4).
"""

from __future__ import annotations

import ctypes
import os
from typing import Final

# Parameters of glibc's mallopt(3), and what NumPy's arrays are worth keeping.
_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
_LARGEST_KEPT: Final = 32 << 20
_MOST_KEPT: Final = 1 << 30

# Polars' own allocator (jemalloc) is told by a variable, which it reads when it is loaded.
_POLARS: Final = "_RJEM_MALLOC_CONF"

if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
    mallopt(_MMAP_THRESHOLD, _LARGEST_KEPT)
    mallopt(_TRIM_THRESHOLD, _MOST_KEPT)
if _POLARS not in os.environ:
    os.environ[_POLARS] = "dirty_decay_ms:5000"
    import polars  # noqa: F401 - reads it here

    # Not for PostgreSQL, which is started from here and stays.
    del os.environ[_POLARS]
