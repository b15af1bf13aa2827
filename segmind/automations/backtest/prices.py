"""What the messages of a replay would have cost, by the price table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import polars as pl
from sqlalchemy import Connection

from segmind.automations.contents import draft_of
from segmind.automations.steps import Option
from segmind.channels import sms_parts
from segmind.channels.content import SmsContent
from segmind.consent.zones import country_code
from segmind.customers import queries
from segmind.customers.facts import Facts
from segmind.templates.render import render
from segmind.templates.variables import context, sample_context, shop_of
from segmind.workspace.product_settings import ProductSettings

#: So many real recipients are written to in mind, to count the parts of an SMS.
SAMPLE: Final = 40
_SAMPLES: Final[tuple[str, ...]] = ("cart", "order", "suggested")


def micros_of(
    facts: Facts, settings: ProductSettings, option: Option, customers: np.ndarray, parts: float
) -> int:
    """Millionths of the currency unit for one message of ``parts`` to each of these customers.

    Prices by country count by theirs; which provider will carry a message nobody knows before.
    """
    channel = option.channel
    if not any(price.country for price in settings.message_prices if price.channel == channel):
        return round(customers.size * parts * settings.cost_micros(channel, None, None))
    ids, times = np.unique(customers, return_counts=True)
    asked = pl.DataFrame({"customer_id": ids, "n": times})
    people = facts.customers.select("customer_id", "country")
    known = asked.lazy().join(people, on="customer_id", how="left")
    by_country = known.group_by("country").agg(pl.col("n").sum()).collect()
    cost: float = sum(
        n * parts * settings.cost_micros(channel, None, country_code(country) or None)
        for country, n in by_country.iter_rows()
    )
    return round(cost)


def parts_of(
    conn: Connection, settings: ProductSettings, option: Option, sample: Sequence[int]
) -> float:
    """SMS parts of one message, on average over a sample of recipients; 1 on other channels.

    Carts and orders are those of the preview: what lay in them then is not looked up.
    """
    if option.channel != "sms":
        return 1.0
    draft, shop = draft_of(conn, option), shop_of(settings)
    example = sample_context()
    values: dict[str, Any] = {name: example[name] for name in _SAMPLES if name in example}
    found = []
    for person in queries.written_to(conn, sample[:SAMPLE]) or [{}]:
        content = render(draft, context(customer=person, shop=shop, values=values))
        if isinstance(content, SmsContent):
            found.append(max(1, sms_parts.count(content.body).parts))
    return sum(found) / len(found) if found else 1.0
