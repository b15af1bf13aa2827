"""What one message costs: a price by channel, narrowed by provider and by country.

The channel's own price (``ProductSettings.email_cost_micros`` and so on) holds wherever no row of
the price table says otherwise. Of rows that fit, the one that names more decides; of two that name
one thing each, the one that names the provider.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

#: More rows than there are providers times countries are a mistake.
MOST_PRICES: Final = 2_000


class MessagePrice(BaseModel):
    """One row of the price table. None: any provider, any country.

    ``micros``: millionths of the workspace's currency unit for one e-mail, one SMS part, one push.
    ``country``: ISO 3166-1 alpha-2, that of the customer.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    channel: Literal["email", "sms", "push"]
    provider: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,40}$")] | None = None
    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] | None = None
    micros: int = Field(ge=0, le=100_000_000)

    @property
    def place(self) -> tuple[str, str | None, str | None]:
        """What the price is for."""
        return self.channel, self.provider, self.country


def repeated(prices: Iterable[MessagePrice]) -> MessagePrice | None:
    """A row that stands for the same as one before it; None: there is none."""
    seen: set[tuple[str, str | None, str | None]] = set()
    for price in prices:
        if price.place in seen:
            return price
        seen.add(price.place)
    return None


def micros_of(
    prices: Iterable[MessagePrice],
    channel: str,
    provider: str | None,
    country: str | None,
    otherwise: int,
) -> int:
    """The price of one part on this channel; ``otherwise`` where no row fits."""
    best, found = -1, otherwise
    for price in prices:
        if price.channel != channel:
            continue
        if price.provider not in {None, provider} or price.country not in {None, country}:
            continue
        weight = 2 * (price.provider is not None) + (price.country is not None)
        if weight > best:
            best, found = weight, price.micros
    return found
