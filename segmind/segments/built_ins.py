"""The built-in segments: ordinary rules with their thresholds in the open, to be copied and edited.

A session is an event's session id, else parted by gaps of 30 minutes. An order is an order id,
else all purchase lines of one session.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from segmind.segments.conditions.behaviour import Did
from segmind.segments.conditions.compared import Rank, Rate, Trend
from segmind.segments.conditions.group import AllOf
from segmind.segments.conditions.order import Cart
from segmind.segments.rule import AnyCondition, Rule
from segmind.segments.windows import Duration, Last


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """A segment that comes with Segmind. ``key`` never changes."""

    key: str
    name: str
    description: str
    rule: Rule


def _rule(*conditions: AnyCondition) -> Rule:
    return Rule(conditions[0] if len(conditions) == 1 else AllOf(conditions=conditions))


BUILT_INS: Final[tuple[BuiltIn, ...]] = (
    BuiltIn(
        "high_converters",
        "High converters",
        "More than one session in ten ends in an order. Conversion is by customer: orders divided "
        "by sessions over 90 days, at least 3 sessions.",
        _rule(
            Rate(
                event="order",
                per="session",
                op="more_than",
                ratio=0.1,
                minimum=3,
                window=Last(amount=90),
            )
        ),
    ),
    BuiltIn(
        "window_shoppers",
        "Window shoppers",
        "They look and do not buy: at least 10 product views and no order in 30 days.",
        _rule(
            Did(event="product_viewed", op="at_least", n=10, window=Last(amount=30)),
            Did(event="order", op="exactly", n=0, window=Last(amount=30)),
        ),
    ),
    BuiltIn(
        "cart_abandoners",
        "Cart abandoners",
        "Items in the cart, the last added 1 hour to 7 days ago, and no order since. Abandonment "
        "is by customer: what was added less what was removed since the last product bought.",
        _rule(Cart(newest=Duration(amount=1, unit="hours"), oldest=Duration(amount=7))),
    ),
    BuiltIn(
        "loyal_customers",
        "Loyal customers",
        "At least 2 orders on different days in 180 days.",
        _rule(
            Did(
                event="order",
                metric="distinct_days",
                op="at_least",
                n=2,
                window=Last(amount=180),
            )
        ),
    ),
    BuiltIn(
        "at_risk",
        "At risk",
        "They come less: sessions in the last 30 days are at most half of those in the 30 days "
        "before, which had at least 2.",
        _rule(
            Trend(
                event="session",
                length=Duration(amount=30),
                op="at_most",
                ratio=0.5,
                minimum=2,
            )
        ),
    ),
    BuiltIn(
        "high_value",
        "High value",
        "The top 20% of customers with orders by net revenue over 365 days. Customers at the "
        "boundary with equal revenue are all in.",
        _rule(Rank(top_percent=20, window=Last(amount=365))),
    ),
)
