"""Every recipe there is."""

from __future__ import annotations

from typing import Final

from segmind.automations.recipes import buyers, carts, moments, shoppers
from segmind.automations.recipes.recipe import Recipe, UnknownRecipe

RECIPES: Final[tuple[Recipe, ...]] = (
    *carts.RECIPES,
    *shoppers.RECIPES,
    *buyers.RECIPES,
    *moments.RECIPES,
)


def recipe_by_key(key: str) -> Recipe:
    """The recipe of that key. Raises UnknownRecipe."""
    for recipe in RECIPES:
        if recipe.key == key:
            return recipe
    raise UnknownRecipe(key=key)
