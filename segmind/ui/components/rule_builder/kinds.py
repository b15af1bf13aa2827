"""Every kind of condition: how it is offered, what a new one says, and its row.

A new kind is one function in one of the ``..._rows`` and its line in ``KINDS``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from segmind.ui.components.rule_builder import acts
from segmind.ui.components.rule_builder import behaviour_rows as behaviour
from segmind.ui.components.rule_builder import compared_rows as compared
from segmind.ui.components.rule_builder import customer_rows as customer
from segmind.ui.components.rule_builder.inputs import Vocabulary

Row = Callable[[dict[str, Any], Vocabulary, str], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Kind:
    """How a kind of condition is offered, what a new one says, and its row.

    ``below``: the lines below the first, comparisons mostly. Both give the JSON that they show.
    """

    offer: str
    icon: str
    new: dict[str, Any]
    row: Row
    below: Row | None = None


def acts_where(data: dict[str, Any], vocabulary: Vocabulary, key: str) -> dict[str, Any]:
    """The comparisons of the one act that a condition is about."""
    return {"where": acts.where(data, vocabulary, key=key)}


_MONTH: Final = {"type": "last", "amount": 30, "unit": "days"}
KINDS: Final[dict[str, Kind]] = {
    "did": Kind("Did something, so often", "touch_app",
                {"event": "product_viewed", "op": "at_least", "n": 1, "metric": "count",
                 "window": _MONTH}, behaviour.did, acts_where),
    "recency": Kind("Did something last, so long ago", "history",
                    {"event": "order", "op": "within", "ago": {"amount": 30, "unit": "days"}},
                    behaviour.recency, acts_where),
    "sequence": Kind("Did one thing and then (not) another", "route",
                     {"first": {"event": "checkout_started"}, "then": {"event": "order"},
                      "followed": False, "within": {"amount": 1, "unit": "days"},
                      "window": _MONTH}, behaviour.sequence, behaviour.of_sequence),
    "occurrence": Kind("Did something for the first or the last time", "first_page",
                       {"which": "first", "event": "order", "window": _MONTH},
                       behaviour.occurrence, acts_where),
    "same_day": Kind("Did several things on the same day", "today",
                     {"acts": [{"event": "product_viewed"}], "without": [{"event": "order"}],
                      "op": "at_least", "n": 1, "window": _MONTH},
                     behaviour.same_day, behaviour.of_same_day),
    "cart": Kind("Left items in the cart", "shopping_cart",
                 {"newest": {"amount": 1, "unit": "hours"},
                  "oldest": {"amount": 7, "unit": "days"}}, behaviour.cart),
    "rate": Kind("Converts at a rate", "percent",
                 {"event": "order", "per": "session", "op": "more_than", "ratio": 0.1,
                  "minimum": 3, "window": {"type": "last", "amount": 90, "unit": "days"}},
                 compared.rate, compared.of_rate),
    "trend": Kind("Does it more or less than before", "trending_down",
                  {"event": "session", "op": "at_most", "ratio": 0.5, "minimum": 2,
                   "length": {"amount": 30, "unit": "days"}}, compared.trend,
                  acts_where),
    "rank": Kind("Is among the best by revenue", "workspace_premium",
                 {"by": "net_revenue", "top_percent": 20.0,
                  "window": {"type": "last", "amount": 365, "unit": "days"}}, compared.rank),
    "rfm": Kind("Is in an RFM group: champions, at risk …", "grid_view",
                {"groups": ["champions"],
                 "window": {"type": "last", "amount": 365, "unit": "days"}}, compared.rfm),
    "predicted": Kind("Is expected to order, spend or stay", "online_prediction",
                      {"what": "predicted_orders", "op": "at_least", "n": 1.0}, compared.predicted),
    "trait": Kind("Is: country, language, a trait", "badge",
                  {"field": "country", "op": "is", "value": ""}, customer.trait),
    "engagement": Kind("Got, opened or clicked messages", "mark_email_read",
                       {"action": "clicked", "op": "at_least", "n": 1, "window": _MONTH},
                       customer.engagement),
    "reachable": Kind("Can be reached on a channel", "contact_mail",
                      {"channel": "email"}, customer.reachable),
    "consent": Kind("Said yes or no to a channel", "how_to_reg",
                    {"channel": "email", "status": "yes"}, customer.consent),
    "in_segment": Kind("Is in another segment", "filter_alt", {}, customer.in_segment),
    "bucket": Kind("Is in a random share", "casino",
                   {"salt": "segment", "from_percent": 0.0, "to_percent": 50.0}, customer.bucket),
}  # fmt: skip
#: The kinds by menu: one with everything is higher than a laptop's window leaves room for.
OF_ACTS: Final = ("did", "recency", "sequence", "occurrence", "same_day", "cart", "rate", "trend")
OF_PERSONS: Final = tuple(kind for kind in KINDS if kind not in OF_ACTS)
