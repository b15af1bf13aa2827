"""Recipes: automations ready to be switched on. Each gives a plain definition, to be edited."""

from segmind.automations.recipes.carts import CART_RECOVERY, cart_recovery
from segmind.automations.recipes.catalogue import RECIPES, recipe_by_key
from segmind.automations.recipes.recipe import Recipe, UnknownRecipe
from segmind.automations.recipes.setting_up import definition_of

__all__ = [
    "CART_RECOVERY",
    "RECIPES",
    "Recipe",
    "UnknownRecipe",
    "cart_recovery",
    "definition_of",
    "recipe_by_key",
]
