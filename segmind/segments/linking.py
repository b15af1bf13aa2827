"""References: the segments that a rule is built on, and the events that it names."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

from segmind.segments.acts import event_code, known_events
from segmind.segments.conditions.membership import InSegment
from segmind.segments.fault import Fault, InvalidRule, did_you_mean
from segmind.segments.mentions import mentions
from segmind.segments.rule import Rule, walk

#: The rule of a segment by its id; None if there is none.
Resolve = Callable[[int], Rule | None]

MOST_CONDITIONS: Final = 2_000


def no_segments(segment_id: int) -> Rule | None:  # noqa: ARG001 - a Resolve
    """A ``Resolve`` that knows no segment."""
    return None


def linked(rule: Rule, resolve: Resolve, own_id: int | None = None) -> dict[int, Rule]:
    """Every segment that the rule needs, directly or through others, by id.

    ``own_id`` is the segment that the rule belongs to, if it is saved.

    Raises:
        InvalidRule: a segment is missing, refers to itself through others, or all of them
            together ask more than 2,000 conditions.
    """
    found: dict[int, Rule] = {}
    sizes: dict[int, int] = {}
    _size(rule, resolve, found, sizes, () if own_id is None else (own_id,))
    return found


def _size(
    rule: Rule,
    resolve: Resolve,
    found: dict[int, Rule],
    sizes: dict[int, int],
    trail: tuple[int, ...],
) -> int:
    """How many conditions the rule has with everything that it refers to."""
    size = 0
    for path, condition in walk(rule):
        size += 1
        if isinstance(condition, InSegment):
            size += _size_of(condition.segment_id, path, resolve, found, sizes, trail)
        if size > MOST_CONDITIONS:
            raise InvalidRule(
                [
                    Fault(
                        path,
                        f"With the segments it refers to, the rule asks more than "
                        f"{MOST_CONDITIONS:,} conditions.",
                        "Refer to fewer segments.",
                    )
                ]
            )
    return size


def _size_of(
    segment_id: int,
    path: str,
    resolve: Resolve,
    found: dict[int, Rule],
    sizes: dict[int, int],
    trail: tuple[int, ...],
) -> int:
    at = f"{path}.segment_id".lstrip(".")
    if segment_id in trail:
        circle = " → ".join(str(n) for n in (*trail[trail.index(segment_id) :], segment_id))
        raise InvalidRule([Fault(at, f"The segments go round in a circle: {circle}.", "Break it.")])
    if segment_id not in sizes:
        target = resolve(segment_id)
        if target is None:
            raise InvalidRule([Fault(at, f"There is no segment {segment_id}.", "Choose another.")])
        sizes[segment_id] = _size(target, resolve, found, sizes, (*trail, segment_id))
        found[segment_id] = target
    return sizes[segment_id]


def check_events(rule: Rule, names: Collection[str]) -> None:
    """Every event that the rule names must be one that the log knows.

    Raises:
        InvalidRule: one is not.
    """
    codes = dict.fromkeys(names, 0)
    faults = [
        Fault(
            mention.path,
            f"The log has never seen an event {mention.event!r}.",
            did_you_mean(mention.event, known_events(names)),
        )
        for mention in mentions(rule)
        if event_code(mention.event, codes) is None
    ]
    if faults:
        raise InvalidRule(faults)
