"""What a reader of an answer must know besides the answer."""

from __future__ import annotations

from datetime import datetime

from segmind.customers.facts import Facts
from segmind.predictions.model import LEAST_RETURNED
from segmind.segments.conditions.predicted import Predicted
from segmind.segments.rule import Rule, walk


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


def without_model(rule: Rule, facts: Facts, as_of: datetime) -> str:
    """What to say of a rule that asks for predictions which there are none of; else empty."""
    asked = [each for _, each in walk(rule) if isinstance(each, Predicted)]
    model = facts.models.at(as_of)
    if not asked or (model is not None and model.spending is not None):
        return ""
    if model is None:
        return (
            "Nothing is predicted yet, so nobody meets a condition on predictions. The scheduler "
            f"fits a model once {LEAST_RETURNED} customers have bought on more than one day."
        )
    if not any(each.what == "predicted_value" for each in asked):
        return ""
    return (
        "Revenue is not predicted, so nobody meets a condition on it: amounts are in several "
        "currencies, or too few customers have any."
    )
