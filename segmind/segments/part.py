"""The base of everything that a rule is made of."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """A piece of a rule: immutable, hashable, exact about types, and refusing unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
