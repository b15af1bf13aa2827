"""What templates of an automation can say beside the customer: their cart, their order, what goes
with it. Only what a text names is looked up."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Connection

from segmind.automations import cart, orders
from segmind.automations.definition import Definition
from segmind.automations.flow import Move
from segmind.automations.world import FactsWorld
from segmind.segments.words import Words
from segmind.templates import versions
from segmind.templates.template import to_json
from segmind.workspace.product_settings import ProductSettings

Values = dict[int, dict[str, Any]]

_KINDS: Final[Mapping[str, Callable[[FactsWorld, Sequence[Move], Words], Values]]] = {
    "cart": cart.of_runs,
    "order": orders.of_runs,
    "suggested": orders.suggested,
}


def values_for(
    conn: Connection,
    definition: Definition,
    world: FactsWorld,
    moves: Sequence[Move],
    settings: ProductSettings,
) -> dict[int, Mapping[str, Any]]:
    """By run id: the values for the templates of those who are sent something.

    ``cart`` (items, count, total) as it is now; ``order`` (id, items, count, total): the one that
    started the run, where runs are told apart by order; ``suggested.items``: what others bought
    together with it.
    """
    found: dict[int, dict[str, Any]] = {}
    words = Words(currency=settings.currency)
    by_version: dict[int, list[Move]] = {}
    for move in moves:
        for outgoing in move.sends:
            by_version.setdefault(outgoing.option.template_version_id or 0, []).append(move)
    wanting: dict[str, list[Move]] = {}
    for version_id, theirs in by_version.items():
        for kind in _named(conn, version_id):
            wanting.setdefault(kind, []).extend(theirs)
    for kind, theirs in wanting.items():
        if kind != "cart" and definition.key != "order":
            continue
        for run_id, values in _KINDS[kind](world, theirs, words).items():
            found.setdefault(run_id, {})[kind] = values
    return dict(found)


def _named(conn: Connection, version_id: int) -> tuple[str, ...]:
    """Which of the values a text names."""
    return _named_in(json.dumps(to_json(versions.load_version(conn, version_id))))


@lru_cache(maxsize=500)
def _named_in(text: str) -> tuple[str, ...]:
    return tuple(
        kind for kind in _KINDS if re.search(rf'\b{kind}\.|"source": "{kind}"', text) is not None
    )
