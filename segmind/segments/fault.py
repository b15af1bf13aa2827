"""What is wrong with a rule: a sentence, a hint and the path of the offending place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from pydantic_core import PydanticCustomError

from segmind.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a rule, at ``path`` (``all[2].where[0].value``; "" is the rule)."""

    path: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        return " ".join(filter(None, (self.message, f"(at {self.path})" * bool(self.path))))


class InvalidRule(InvalidInput):
    """The rule cannot be used as it is.

    ``field`` is the path of the first fault, ``faults`` are all of them.
    """

    code = "invalid_rule"

    def __init__(self, faults: Sequence[Fault]) -> None:
        first = faults[0]
        self.faults = tuple(faults)
        super().__init__(first.message, hint=first.hint, field=first.path or None)


def refuse(path: str, message: str, hint: str = "") -> InvalidRule:
    """The refusal of a rule for a single fault; raise it."""
    return InvalidRule([Fault(path, message, hint)])


def fault(message: str, hint: str = "") -> PydanticCustomError:
    """A fault found while a part is validated; raise it in a validator.

    pydantic knows the path; ``rule.parse`` puts the two together.
    """
    context: dict[str, Any] = {"message": message, "hint": hint}
    return PydanticCustomError("rule", "{message}", context)


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """A hint: the nearest known word, else all of them (at most 30)."""
    near = get_close_matches(word, known, n=1)
    if near:
        return f"Did you mean {near[0]}?"
    return f"Known: {', '.join(list(known)[:30])}."
