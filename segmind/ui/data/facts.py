"""The facts that questions are put to, as they are at this moment."""

from __future__ import annotations

from segmind.customers.facts import Facts, read_facts
from segmind.ui.store import store


def facts() -> Facts:
    """Log and customers in one snapshot; a few milliseconds when nothing changed."""
    return read_facts(store())


def version() -> str:
    """Changes whenever an answer could change: part of every cached read's key."""
    return facts().version
