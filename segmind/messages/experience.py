"""What the dispatchers of one process learn of their providers together."""

from __future__ import annotations

from dataclasses import dataclass, field

from segmind.messages.breakers import Breakers
from segmind.messages.retry import RetryBudget


@dataclass(slots=True)
class Experience:
    """What the dispatchers of one process know of their providers. Safe between threads."""

    breakers: Breakers = field(default_factory=Breakers)
    budgets: dict[str, RetryBudget] = field(default_factory=dict)

    def budget(self, provider: str) -> RetryBudget:
        """The retry budget of a provider."""
        return self.budgets.setdefault(provider, RetryBudget())
