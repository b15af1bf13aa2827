"""The facts that questions are put to, as they are at this moment."""

from __future__ import annotations

from typing import Final

from segmind.customers.facts import Facts, read_facts
from segmind.ui.store import store

#: Customers up to which every answer follows every event.
_SMALL: Final = 5_000


def facts() -> Facts:
    """Log and customers in one snapshot; a few milliseconds when nothing changed."""
    return read_facts(store())


def version() -> str:
    """Changes whenever an answer could change: part of every cached read's key."""
    return facts().version


def settled_version(asked: Facts) -> str:
    """The version of a small shop; of a large one the same for ever.

    For what takes long and hardly changes from one event to the next, in caches that are refreshed
    behind what is shown (``refresh_mode="background"``).
    """
    return asked.version if asked.count <= _SMALL else "large"
