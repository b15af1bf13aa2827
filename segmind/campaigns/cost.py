"""What a campaign will cost: prices from the settings, SMS parts from real recipients' texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from segmind.channels import sms_parts
from segmind.channels.content import SmsContent
from segmind.customers import queries
from segmind.templates.render import RenderError, render
from segmind.templates.template import Draft, channel_of
from segmind.templates.variables import context, sample_context, shop_of
from segmind.workspace.product_settings import ProductSettings


@dataclass(frozen=True, slots=True)
class Cost:
    """An estimate. ``total_micros``: millionths of ``currency``. ``parts``: SMS parts of one
    message, on average over the sample (1.0 on the other channels), ``parts_most`` the longest.
    ``failures``: what could not be rendered for some of the sample, each fault once.
    """

    recipients: int
    total_micros: int
    currency: str
    parts: float
    parts_most: int
    sampled: int
    failures: tuple[RenderError, ...]


def estimate(
    conn: Connection,
    draft: Draft,
    settings: ProductSettings,
    recipients: int,
    sample: Sequence[int],
) -> Cost:
    """What ``recipients`` messages of ``draft`` cost, judged by a ``sample`` of customers.

    Prices that depend on the country count by the sample's; those of one provider do not, since
    which one will carry a message is known only when it leaves.
    """
    channel = channel_of(draft)
    people: Sequence[dict[str, Any] | None] = [*queries.written_to(conn, sample)] or [None]
    parts: list[int] = []
    costs: list[int] = []
    failures: dict[str, RenderError] = {}
    shop = shop_of(settings)
    for person in people:
        values = context(customer=person, shop=shop) if person is not None else sample_context()
        content = render(draft, values)
        if isinstance(content, RenderError):
            failures.setdefault(str(content), content)
        elif isinstance(content, SmsContent):
            parts.append(max(1, sms_parts.count(content.body).parts))
        if not isinstance(content, RenderError):
            price = settings.cost_micros(channel.value, None, person["country"] if person else None)
            costs.append(price * (parts[-1] if isinstance(content, SmsContent) else 1))
    mean = sum(parts) / len(parts) if parts else 1.0
    costs = costs or [settings.cost_micros(channel.value, None, None)]
    return Cost(
        recipients=recipients,
        total_micros=round(recipients * sum(costs) / len(costs)),
        currency=settings.currency,
        parts=mean,
        parts_most=max(parts, default=1),
        sampled=len(people) if people != [None] else 0,
        failures=tuple(failures.values()),
    )
