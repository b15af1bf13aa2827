"""Whether the steps make a way: every one reachable, no way back, every branch ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from segmind.automations.definition import Definition
from segmind.automations.part import END
from segmind.automations.steps import Exit, Send, SetTrait, Webhook


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, and where. ``step``: the step's id, None for the automation as a whole."""

    step: str | None
    field: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        where = f"Step {self.step}: " if self.step else ""
        return f"{where}{self.message}" + (f" {self.hint}" if self.hint else "")


def problems(definition: Definition) -> list[Problem]:
    """What is wrong with the way of the steps; empty when nothing is."""
    found = list(_names(definition))
    if found:
        return found  # the way cannot be followed while names are wrong
    return [*_loops(definition), *_orphans(definition), *_nothing_sent(definition)]


def _names(definition: Definition) -> Iterator[Problem]:
    seen: set[str] = set()
    for step in definition.steps:
        field = f"steps[{step.id}].id"
        if step.id == END:
            yield Problem(step.id, field, f"'{END}' is not a name for a step.", "Choose another.")
        if step.id in seen:
            yield Problem(step.id, field, "Two steps have this name.", "Rename one of them.")
        seen.add(step.id)
    for step in definition.steps:
        for way in () if isinstance(step, Exit) else step.leads_to():
            if way.named not in {None, END, *seen}:
                yield Problem(
                    step.id,
                    f"steps[{step.id}].{way.field}",
                    f"It leads to {way.named}, which does not exist.",
                    "Name a step of this automation, or end.",
                )


def _followers(definition: Definition) -> dict[str, list[str]]:
    followers: dict[str, list[str]] = {step.id: [] for step in definition.steps}
    for source, _, target in definition.ways():
        if target is not None:
            followers[source].append(target)
    return followers


def _loops(definition: Definition) -> Iterator[Problem]:
    """A way back would do a step twice: a run does each step once, so that nobody is messaged
    twice. With no way back, every branch ends."""
    followers = _followers(definition)
    done: set[str] = set()
    for start in followers:
        open_: dict[str, None] = {}
        stack: list[tuple[str, bool]] = [(start, False)]
        while stack:
            step, leaving = stack.pop()
            if leaving:
                open_.pop(step)
                done.add(step)
                continue
            if step in done or step in open_:
                continue
            open_[step] = None
            stack.append((step, True))
            for target in followers[step]:
                if target in open_:
                    yield Problem(
                        step,
                        f"steps[{step}]",
                        f"It leads back to {target}: the automation would go round.",
                        "Let it lead to a step further down, or to the end.",
                    )
                else:
                    stack.append((target, False))


def _orphans(definition: Definition) -> Iterator[Problem]:
    followers = _followers(definition)
    reached: set[str] = set()
    ahead = [definition.steps[0].id]
    while ahead:
        here = ahead.pop()
        if here not in reached:
            reached.add(here)
            ahead.extend(followers[here])
    for step in definition.steps:
        if step.id not in reached:
            yield Problem(
                step.id,
                f"steps[{step.id}]",
                "No way leads to it.",
                "Remove it, or let another step lead to it.",
            )


def _nothing_sent(definition: Definition) -> Iterator[Problem]:
    if not any(isinstance(step, Send | SetTrait | Webhook) for step in definition.steps):
        yield Problem(None, "steps", "It sends nothing.", "Add a send step.")
