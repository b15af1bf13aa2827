"""From a recipe to a definition for this workspace: segments that it needs are found or made."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from segmind.automations.definition import Definition
from segmind.automations.recipes.recipe import Need, Recipe
from segmind.segments import segment
from segmind.segments.rule import parse


def definition_of(conn: Connection, recipe: Recipe, now: datetime, actor: str) -> Definition:
    """The recipe's definition, to be saved or edited.

    Raises:
        NotFound: a built-in segment that it needs is missing. InvalidRule: the log knows nothing
            yet of what a segment that it needs is about.
    """
    return recipe.make({need.name: _segment(conn, need, now, actor) for need in recipe.needs})


def _segment(conn: Connection, need: Need, now: datetime, actor: str) -> int:
    if need.key is not None:
        segment.ensure_built_ins(conn, actor, now)
        return segment.by_key(conn, need.key).id
    assert need.rule is not None  # a need has a key or a rule
    wanted = parse(dict(need.rule))
    for known in segment.list_segments(conn):
        if known.rule == wanted:
            return known.id
    return segment.create(conn, need.name, wanted, actor=actor, now=now).id
