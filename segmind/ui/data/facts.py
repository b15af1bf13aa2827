"""The facts that questions are put to, as they are at this moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

from segmind.customers.facts import Facts, read_facts
from segmind.ui.store import store

#: Customers up to which every answer follows every event.
_SMALL: Final = 5_000


@dataclass(slots=True)
class _Look:
    found: Facts | None = None


_look: ContextVar[_Look | None] = ContextVar("look", default=None)


@contextmanager
def one_look() -> Iterator[None]:
    """Read the facts once in this block, when they are first asked for.

    For a run of a page: all its figures are then of one snapshot, and a page that asks twenty
    questions looks once (a look costs about 9 ms while nothing changes). Fragments that run on
    their own and answers found behind what is shown look for themselves.
    """
    mark = _look.set(_Look())
    try:
        yield
    finally:
        _look.reset(mark)


def facts() -> Facts:
    """Log and customers in one snapshot; a few milliseconds when nothing changed."""
    look = _look.get()
    if look is None:
        return read_facts(store())
    if look.found is None:
        look.found = read_facts(store())
    return look.found


def version() -> str:
    """Changes whenever an answer could change: part of every cached read's key."""
    return facts().version


def settled_version(asked: Facts) -> str:
    """The version of a small shop; of a large one the same for ever.

    For what takes long and hardly changes from one event to the next, in caches that are refreshed
    behind what is shown (``refresh_mode="background"``).
    """
    return asked.version if asked.count <= _SMALL else "large"
