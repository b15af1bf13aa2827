"""Two more automations of the demo shop: they are switched on as it opens, and begin by themselves.

Whoever orders from then on is thanked and shown what goes with the order; whoever comes less than
before (the segment "At risk" is refreshed every minute) is asked whether all is well.
"""

from __future__ import annotations

from typing import Final

from scripts.demo_shop.past import ACTOR, Past
from segmind.automations import automation, recipes

OTHERS: Final = ("post_purchase", "at_risk_save")


def begin(past: Past) -> None:
    """Set them up and switch them on at the end of the past."""
    for key in OTHERS:
        recipe = recipes.recipe_by_key(key)
        definition = recipes.definition_of(past.conn, recipe, past.until, ACTOR)
        made = automation.create(past.conn, recipe.name, definition, past.until, ACTOR)
        automation.set_state(past.conn, made.id, "live", past.until, ACTOR)
    past.conn.commit()
