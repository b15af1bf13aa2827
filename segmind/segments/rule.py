"""The rule of a segment: a typed tree, read from JSON and written back to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import blake2b
from typing import Annotated, Any, Final

from pydantic import ConfigDict, Field, RootModel, ValidationError
from pydantic_core import ErrorDetails

from segmind.segments import raw
from segmind.segments.conditions.base import Condition
from segmind.segments.conditions.behaviour import Did
from segmind.segments.conditions.compared import Rank, Rate, Trend
from segmind.segments.conditions.customer import Bucket, Consent, Reachable, Trait
from segmind.segments.conditions.engagement import Engagement
from segmind.segments.conditions.group import AllOf, AnyOf, Group, NoneOf
from segmind.segments.conditions.membership import InSegment
from segmind.segments.conditions.moments import Occurrence, Recency
from segmind.segments.conditions.order import Cart, SameDay, Sequence
from segmind.segments.conditions.predicted import Predicted
from segmind.segments.conditions.rfm import Rfm
from segmind.segments.fault import Fault, InvalidRule, did_you_mean

#: The language. A new condition is one class and its name here.
AnyCondition = Annotated[
    AllOf
    | AnyOf
    | NoneOf
    | Trait
    | Reachable
    | Consent
    | Did
    | Recency
    | Occurrence
    | Sequence
    | SameDay
    | Cart
    | Rate
    | Trend
    | Rank
    | Rfm
    | Predicted
    | Engagement
    | InSegment
    | Bucket,
    Field(discriminator="type"),
]

GROUPS: Final = ("all", "any", "none")
WINDOWS: Final = ("last", "between", "ago", "before", "since", "calendar", "ever")

for _group in (AllOf, AnyOf, NoneOf):
    _group.model_rebuild(_types_namespace={"AnyCondition": AnyCondition})


class Rule(RootModel[AnyCondition]):
    """A whole rule. Immutable; equal rules are equal and hash the same."""

    model_config = ConfigDict(frozen=True)

    def as_json(self) -> dict[str, Any]:
        """The rule as JSON values, with every default written out; ``parse`` reads it back."""
        return self.model_dump(mode="json")  # type: ignore[no-any-return]

    @property
    def hash(self) -> str:
        """32 hex digits that change when the meaning could: they tell versions of a rule apart.

        What is left out is not written, so that a condition may learn to be asked more.
        """
        written = self.model_dump(mode="json", exclude_none=True)
        text = json.dumps(written, sort_keys=True, ensure_ascii=False)
        return blake2b(text.encode(), digest_size=16).hexdigest()


def parse(given: str | bytes | dict[str, Any] | Any) -> Rule:
    """The rule in a JSON text or in values read from one.

    Raises:
        InvalidRule: it is none. ``field`` is the path of the first fault, as in
            ``all[2].where[0].value``; ``faults`` are all of them, each with a hint.
    """
    text = raw.checked(given)
    try:
        return Rule.model_validate_json(text)
    except ValidationError as error:
        faults = [_fault(details) for details in error.errors(include_url=False)]
        raise InvalidRule(faults) from None


def walk(rule: Rule) -> Iterator[tuple[str, Condition]]:
    """Every condition with its path, groups before what they hold; the root's path is ""."""
    yield from _walk("", rule.root)


def _walk(path: str, condition: Condition) -> Iterator[tuple[str, Condition]]:
    yield path, condition
    if isinstance(condition, Group):
        for n, child in enumerate(condition.conditions):
            yield from _walk(child_path(path, condition, n), child)


def child_path(path: str, parent: Condition, n: int) -> str:
    """The path of a group's nth condition: ``any[0].all[2]``."""
    return ".".join(filter(None, (path, f"{parent.type}[{n}]")))


def _fault(details: ErrorDetails) -> Fault:
    path = path_of(details["loc"])
    context = details.get("ctx", {})
    match details["type"]:
        case "rule":
            return Fault(path, str(context["message"]), str(context["hint"]))
        case "union_tag_invalid":
            tag = str(context["tag"])
            known = [word.strip(" '") for word in str(context["expected_tags"]).split(",")]
            here = f"{path}.type".lstrip(".")
            return Fault(here, f"There is no type {tag!r} here.", did_you_mean(tag, known))
        case "union_tag_not_found":
            here = f"{path}.type".lstrip(".")
            return Fault(here, "The type is missing.", 'Say what it is: {"type": "did", ...}.')
        case "extra_forbidden":
            return Fault(path, "There is no such key here.", "Check its spelling, or remove it.")
        case "missing":
            return Fault(path, "This key is missing.", "Add it.")
    message = details["msg"].removeprefix("Value error, ").removeprefix("Input ")
    given = json.dumps(details["input"], default=str)[:60]
    return Fault(path, f"The value {message}.", f"It is {given}.")


def path_of(location: tuple[int | str, ...]) -> str:
    """pydantic's location (which names every union's choice) as a path in the rule."""
    path = ""
    parts = list(location)
    while parts:
        match parts:
            case [str() as tag, "conditions", int() as n, *rest] if tag in GROUPS:
                path += f".{tag}[{n}]"
                parts = rest
            case [_, *fields]:
                path += _field_path(fields)
                parts = []
    return path.lstrip(".")


def _field_path(fields: list[int | str]) -> str:
    path = ""
    before: int | str | None = None
    for part in fields:
        if isinstance(part, int):
            path += f"[{part}]"
        elif not (before == "window" and part in WINDOWS):
            path += f".{part}"
        before = part
    return path


__all__ = ["AnyCondition", "InvalidRule", "Rule", "parse", "path_of", "walk"]
