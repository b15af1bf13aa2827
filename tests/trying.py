"""How many examples a claim is tried on."""

from __future__ import annotations

from hypothesis import settings


def examples(usual: int) -> int:
    """How many examples to try: ``usual``, or what HYPOTHESIS_PROFILE=search asks for."""
    profile = settings()
    return usual if profile.derandomize else max(usual, profile.max_examples)
