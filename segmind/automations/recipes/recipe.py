"""What a recipe is: a name, a sentence, the segments that it needs, how its definition is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from segmind.automations.definition import Definition
from segmind.errors import NotFound


class UnknownRecipe(NotFound):
    """There is no recipe {key}."""

    code = "unknown_recipe"


@dataclass(frozen=True, slots=True)
class Need:
    """A segment that a recipe needs: a built-in one by its ``key``, else one with this rule (found
    by the rule, or made under this name)."""

    name: str
    key: str | None = None
    rule: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Recipe:
    """``make`` gives the definition, given the ids of the segments in ``needs`` by name; ``icon``
    is a Material symbol."""

    key: str
    name: str
    sentence: str
    icon: str
    make: Callable[[Mapping[str, int]], Definition]
    needs: tuple[Need, ...] = ()
