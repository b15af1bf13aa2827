"""Segmind: whom to talk to, by which channel, and what it earned."""

import gc

__version__ = "0.3.0"

# Python searches for cycles whenever 700 new objects have come. That takes a quarter of each start,
# among modules that stay, and as long as reading a batch of events takes: ten thousand dicts
# without a cycle among them.
gc.set_threshold(50_000, 10, 10)
