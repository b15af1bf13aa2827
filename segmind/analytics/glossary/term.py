"""One figure and what it means."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Term:
    """A figure. ``names``: what it is called on pages; ``fields``: what in the API's answers.

    ``source``: the code that computes it (module and function under ``segmind/``), and whose method
    or definition it is where it is not ours.
    """

    names: tuple[str, ...]
    unit: str
    means: str
    formula: str
    source: str
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Area:
    """Figures that belong together."""

    title: str
    intro: str
    terms: tuple[Term, ...]
