"""How much of a claim may leave: tokens of the buckets that it passes, and the retry budget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Engine

from segmind.channels.provider import Provider
from segmind.messages import rates
from segmind.messages.rates import Limit
from segmind.messages.sources import SourceKey


@dataclass(slots=True)
class Allowance:
    """Sends that were reserved ahead for one provider, sender and source; SMS count their parts.

    Without limits it never says no and asks nobody.
    """

    engine: Engine
    limits: tuple[Limit, ...]
    left: int = field(default=0, init=False)

    def ahead(self, want: int) -> int:
        """Reserve up to ``want`` sends before they are claimed; how many there are."""
        if not self.limits:
            return want
        self.left += self._reserve(want - self.left) if want > self.left else 0
        return min(want, self.left)

    def take(self, weights: list[int]) -> int:
        """How many of the messages, in their order, may leave; their weight is spent."""
        if not self.limits:
            return len(weights)
        need = sum(weights) - self.left
        if need > 0:
            self.left += self._reserve(need)
        for n, weight in enumerate(weights):
            if weight > self.left:
                return n
            self.left -= weight
        return len(weights)

    def back(self, weight: int) -> None:
        """What was taken and did not leave."""
        if self.limits:
            self.left += weight

    def close(self) -> None:
        """Give the rest back."""
        if self.limits and self.left > 0:
            with self.engine.begin() as conn:
                rates.give_back(conn, self.limits, self.left)
            self.left = 0

    def _reserve(self, want: int) -> int:
        with self.engine.begin() as conn:
            return rates.reserve(conn, self.limits, want)


def limits_of(
    provider: Provider,
    sender: str,
    source: SourceKey | None,
    *,
    per_second: Mapping[str, float],
    source_rate: int | None,
    taught: frozenset[str],
) -> tuple[Limit, ...]:
    """The buckets that such a send passes: provider, sender, campaign; those that limit it.

    ``per_second`` is by provider ("twilio") and by sender ("twilio:+15005550006"): messages, of SMS
    parts, in a second. ``taught``: buckets whose provider has said "too many".
    """
    found: list[Limit] = []
    names = [(provider.name, f"provider:{provider.name}")]
    if sender:
        names.append((f"{provider.name}:{sender}", f"sender:{provider.name}:{sender}"))
    for key, name in names:
        rate = per_second.get(key)
        if rate is not None or name in taught:
            found.append(Limit(name, rate))
    if source is not None and source_rate is not None:
        found.append(Limit(f"source:{source.kind}:{source.id}", float(source_rate)))
    return tuple(found)


def learning_bucket(provider: Provider, sender: str) -> str:
    """The bucket that a "too many" is about."""
    return f"sender:{provider.name}:{sender}" if sender else f"provider:{provider.name}"
