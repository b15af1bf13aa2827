"""What a reader of an answer must know besides the answer."""

from __future__ import annotations

from datetime import datetime

from segmind.customers.facts import Facts


def is_before_the_log(facts: Facts, as_of: datetime) -> bool:
    """Whether the moment lies before the first event: of such a moment nothing is known.

    A log without events says nothing about time; fields and traits can still be asked.
    """
    first = facts.log.first_ts
    return first is not None and as_of < first


def notice(facts: Facts, as_of: datetime) -> str:
    """What to say beside an answer for this moment; empty if there is nothing to say."""
    first = facts.log.first_ts
    if first is None or not is_before_the_log(facts, as_of):
        return ""
    begins = first.astimezone(facts.zone)
    return (
        f"The log begins on {begins.day} {begins:%B %Y} at {begins:%H:%M} ({facts.zone.key}). "
        "The moment asked for lies before it: nobody is a member."
    )
