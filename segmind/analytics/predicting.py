"""Fitting the shop's model to its customers once a day, and what it expects of them together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import polars as pl

from segmind.analytics import currencies
from segmind.analytics.definition import Definition
from segmind.analytics.period import Period
from segmind.customers import purchases
from segmind.customers.facts import Facts, read_facts
from segmind.db.engine import Store
from segmind.db.locks import try_lock
from segmind.events.spans import start_of
from segmind.predictions import kept
from segmind.predictions.histories import Floats
from segmind.predictions.model import HORIZON, LEAST_RETURNED, Model
from segmind.segments.aggregates.predictions import Predictions
from segmind.segments.moment import Moment
from segmind.segments.sources import Sources
from segmind.workspace import product_settings

_TICK: Final = timedelta(microseconds=1)
#: A model is fitted again on its day when imports changed the number of customers by this share.
_OUTDATED: Final = 0.05
_TENTHS: Final = 10

TENTH_COLUMNS: Final[dict[str, pl.DataType]] = {
    "tenth": pl.Int64(),  # 1: the best customers
    "customers": pl.Int64(),
    "least": pl.Int64(),  # predicted value of the last one in it, minor units
    "orders": pl.Float64(),  # expected of all of them together
    "value": pl.Int64(),  # minor units
    "alive": pl.Float64(),  # mean probability
}


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is expected of all who ever bought, in the ``days`` after ``as_of``.

    ``alive``: expected number of those who still are customers. ``value`` in minor units, None
    where amounts tell nothing. ``by_chance``: customers by tenths of the probability of being
    alive, those of 90 % and more last. ``tenths``: TENTH_COLUMNS by predicted value, or by expected
    orders where there is none.
    """

    as_of: datetime
    days: int
    model: Model
    customers: int
    alive: float
    orders: float
    value: int | None
    by_chance: tuple[int, ...]
    tenths: pl.DataFrame
    zone: str

    def definition(self) -> Definition:
        value = "" if self.value is None else (
            " Value: expected orders x expected net revenue of an order (Gamma-Gamma), not "
            "discounted."
        )  # fmt: skip
        return Definition(
            what="Orders: days with an order expected of everybody who ever bought (BG/NBD). "
            f"Alive: sum of the probabilities of still being a customer.{value}",
            window=f"the {self.days} days after {self.as_of.isoformat()}",
            start_point=f"model fitted to all purchases before {self.model.as_of.isoformat()}; "
            "purchases up to the moment",
            tie_break="several orders of one calendar day are one purchase",
            zone=self.zone,
            as_of=self.as_of,
        )


def fit_if_due(store: Store, now: datetime) -> Model | None:
    """Fit and keep the model of today, unless there is one that still fits.

    None when nothing was due, somebody else is at it, or too few customers came back.
    """
    with store.engine.begin() as conn:
        if not try_lock(conn, "predictions"):
            return None
        settings = product_settings.load(conn)
        facts = read_facts(store, settings.zone)
        day = now.astimezone(settings.zone).date()
        as_of = start_of(day, settings.zone)
        _, histories = purchases.histories(facts, as_of - _TICK)
        known = next((m for m in facts.models.every if m.day == day), None)
        if known and abs(histories.size - known.customers) < _OUTDATED * known.customers:
            return None
        with_money = not currencies.foreign(facts, _ever(facts, now), settings.currency)
        made = Model.fitted(day, as_of, histories, with_money=with_money)
        if made is not None:
            kept.save(conn, made)
        return made


def outlook(facts: Facts, as_of: datetime, days: int = HORIZON) -> Outlook | None:
    """What the model of the moment expects; None without a model or anybody who bought."""
    model = facts.models.at(as_of)
    _, histories = purchases.histories(facts, as_of)
    if model is None or not histories.size:
        return None
    found = model.forecast(histories, days)
    assert found.alive is not None
    assert found.orders is not None
    chance = np.minimum((found.alive * _TENTHS).astype(np.int64), _TENTHS - 1)
    value = found.value
    return Outlook(
        as_of=as_of,
        days=days,
        model=model,
        customers=histories.size,
        alive=float(found.alive.sum()),
        orders=float(found.orders.sum()),
        value=None if value is None else int(value.sum()),
        by_chance=tuple(np.bincount(chance, minlength=_TENTHS).tolist()),
        tenths=_tenths(found.alive, found.orders, value),
        zone=facts.zone.key,
    )


@dataclass(frozen=True, slots=True)
class Prospect:
    """What is expected of one customer in the next ``days``; ``value`` in minor units, None where
    amounts tell nothing."""

    days: int
    alive: float
    orders: float
    value: int | None


def of_customer(
    facts: Facts, customer_id: int, as_of: datetime, days: int = HORIZON
) -> Prospect | None:
    """The same as rules go by; None of somebody who never bought, and without a model."""
    sources = Sources(facts.of_customer(customer_id), Moment(as_of, facts.zone), facts)
    rows = sources.collected(Predictions(days).frame(sources)).to_dicts()
    if not rows or rows[0]["orders"] is None:
        return None
    found = rows[0]
    return Prospect(days, found["alive"], found["orders"], found["value"])


def reason(facts: Facts, as_of: datetime) -> str:
    """Why there is no model: a whole sentence."""
    _, histories = purchases.histories(facts, as_of)
    returned = int(np.count_nonzero(histories.purchases > 1))
    if returned < LEAST_RETURNED:
        return (
            f"A model needs {LEAST_RETURNED} customers who bought on more than one day; there are "
            f"{returned:,}."
        )
    return "The scheduler has not fitted a model yet; it does so within minutes of its start."


def _tenths(alive: Floats, orders: Floats, value: np.ndarray | None) -> pl.DataFrame:
    """TENTH_COLUMNS; the last tenths are smaller by one where customers do not divide evenly."""
    by = orders if value is None else value
    sizes = np.array([part.size for part in np.array_split(by, _TENTHS) if part.size])
    last = np.cumsum(sizes) - 1
    # Tenths need no order within: half a million are parted in a fifth of the time of a sort.
    best_first = np.argpartition(-by, last)
    tenth = np.empty(by.size, dtype=np.int64)
    tenth[best_first] = np.repeat(np.arange(sizes.size), sizes)

    def total(each: np.ndarray) -> Floats:
        return np.bincount(tenth, weights=each).astype(np.float64)

    return pl.DataFrame(
        {
            "tenth": np.arange(1, sizes.size + 1),
            "customers": sizes,
            "least": None if value is None else value[best_first[last]],
            "orders": total(orders),
            "value": None if value is None else total(value).astype(np.int64),
            "alive": total(alive) / sizes,
        },
        schema=TENTH_COLUMNS,
    )


def _ever(facts: Facts, now: datetime) -> Period:
    first = facts.log.first_ts or now
    return Period(min(first, now - timedelta(days=1)), now + _TICK, facts.zone, "month")
