"""A rule in plain English."""

from __future__ import annotations

from segmind.segments.conditions.group import AllOf, Group, NoneOf
from segmind.segments.rule import Rule
from segmind.segments.words import Words


def describe(rule: Rule, words: Words | None = None) -> str:
    """One sentence: ``Customers who placed an order in the last 30 days and whose country is DE.``

    ``words`` gives the currency and the names of segments, campaigns and automations.
    """
    words = words or Words()
    root = rule.root
    if isinstance(root, AllOf) and not root.conditions:
        return "All customers."
    if isinstance(root, NoneOf):
        return f"All customers, but {root.phrase(words)}."
    if isinstance(root, Group):
        return f"Customers {root.phrase(words)}."
    return f"Customers {root.pronoun} {root.sentence(words)}."
