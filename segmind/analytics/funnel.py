"""The product funnel, and abandonment in the three ways that people mean it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from segmind.analytics import visitors
from segmind.analytics.definition import Definition
from segmind.analytics.period import Period
from segmind.analytics.session_acts import by_mask
from segmind.analytics.session_days import BITS, MASKS
from segmind.customers.facts import Facts
from segmind.events.presence import Presence
from segmind.events.schema import Kind
from segmind.events.spans import Span

By = Literal["session", "customer"]
STEPS: Final = (
    ("viewed", "Viewed a product", Kind.PRODUCT_VIEWED),
    ("added", "Added to cart", Kind.PRODUCT_ADDED),
    ("checkout", "Started checkout", Kind.CHECKOUT_STARTED),
    ("ordered", "Ordered", Kind.ORDER_COMPLETED),
)
_ANY: Final = np.arange(MASKS)


@dataclass(frozen=True, slots=True)
class Step:
    """How many sessions or customers did it. ``of_first`` and ``of_previous``: shares of the first
    and the previous shown step; None where that is 0."""

    key: str
    label: str
    count: int
    of_first: float | None
    of_previous: float | None


@dataclass(frozen=True, slots=True)
class Funnel:
    """The steps of a period, by session or by customer. Unordered: who did both counts in both,
    whatever came first. A step that nobody did in the period (checkout, often) is left out."""

    by: By
    steps: tuple[Step, ...]
    period: Period

    def definition(self) -> Definition:
        whole = "sessions" if self.by == "session" else "customers"
        return Definition(
            what=f"Number of {whole} with at least one such event in the period; the order of the "
            "events does not matter. Events without a session id belong to no session here.",
            window=f"{self.period.since.isoformat()} up to {self.period.until.isoformat()}",
            start_point="the instant of the event",
            tie_break="none",
            zone=self.period.zone.key,
            as_of=self.period.until,
        )


@dataclass(frozen=True, slots=True)
class Abandonment:
    """Shares of carts that were not bought, 0 to 1; None without carts.

    ``by_session``: sessions with an addition and no order, of sessions with an addition.
    ``by_cart_event``: 1 - order lines / additions. ``by_customer``: customers with an addition and
    no order in the period, of customers with an addition. The three differ by definition.
    """

    by_session: float | None
    by_cart_event: float | None
    by_customer: float | None


@dataclass(frozen=True, slots=True)
class Conversion:
    """Shares that ended in an order, 0 to 1; None where there is nothing to be a share of.

    ``by_session``: sessions with an order, of sessions with a view, an addition, a checkout or an
    order. ``by_customer``: customers with an order line, of customers who did anything in the shop.
    ``by_product_view``: order lines / product views. The three differ by definition.
    """

    by_session: float | None
    by_customer: float | None
    by_product_view: float | None


def product_funnel(facts: Facts, period: Period, by: By = "session") -> Funnel:
    """The funnel of the period."""
    if by == "customer":
        done = _by_customer(facts, period)
        counts = {kind: int(np.count_nonzero(n)) for kind, n in done.items()}
    else:
        sessions = by_mask(facts, period)
        counts = {kind: int(sessions[_ANY & bit > 0].sum()) for kind, bit in BITS.items()}
    steps: list[Step] = []
    for key, label, kind in STEPS:
        count = int(counts.get(int(kind), 0))
        if count or kind != Kind.CHECKOUT_STARTED:
            steps.append(
                Step(
                    key,
                    label,
                    count,
                    _share(count, steps[0].count if steps else count),
                    _share(count, steps[-1].count if steps else count),
                )
            )
    return Funnel(by, tuple(steps), period)


def abandonment(facts: Facts, period: Period) -> Abandonment:
    """Cart abandonment of the period, three ways."""
    sessions = by_mask(facts, period)
    added, ordered = BITS[Kind.PRODUCT_ADDED], BITS[Kind.ORDER_COMPLETED]
    carts = int(sessions[_ANY & added > 0].sum())
    left = int(sessions[(_ANY & added > 0) & (_ANY & ordered == 0)].sum())
    done = _by_customer(facts, period, (Kind.PRODUCT_ADDED, Kind.ORDER_COMPLETED))
    additions, lines = done[Kind.PRODUCT_ADDED], done[Kind.ORDER_COMPLETED]
    carted = additions > 0
    return Abandonment(
        by_session=_share(left, carts),
        by_cart_event=1 - int(lines.sum()) / int(additions.sum()) if additions.any() else None,
        by_customer=_share(
            int(np.count_nonzero(carted & (lines == 0))), int(np.count_nonzero(carted))
        ),
    )


def conversion(facts: Facts, period: Period) -> Conversion:
    """How much of the period's looking ended in buying, three ways."""
    sessions = by_mask(facts, period)
    done = _by_customer(facts, period, (Kind.PRODUCT_VIEWED, Kind.ORDER_COMPLETED))
    lines, views = done[Kind.ORDER_COMPLETED], done[Kind.PRODUCT_VIEWED]
    return Conversion(
        by_session=_share(
            int(sessions[_ANY & BITS[Kind.ORDER_COMPLETED] > 0].sum()), int(sessions[1:].sum())
        ),
        by_customer=_share(int(np.count_nonzero(lines)), visitors.count(facts, period)),
        by_product_view=_share(int(lines.sum()), int(views.sum())),
    )


def _by_customer(
    facts: Facts, period: Period, kinds: Sequence[int] = tuple(BITS)
) -> dict[int, NDArray[np.integer[Any]]]:
    """How often each customer did it in the period, by kind."""
    window = Span(period.since, period.until)
    vectors = facts.log.vectors(Presence(facts.log.rolled).of([window]).size)
    return {int(kind): vectors.counts(int(kind), window) for kind in kinds}


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
