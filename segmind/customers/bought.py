"""What customers bought within a span, one number for each, by customer id."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segmind.customers.facts import Facts
from segmind.events.schema import Kind
from segmind.events.spans import Span


@dataclass(frozen=True, slots=True)
class Bought:
    """By customer id: how many ``orders`` began in the span, and ``net``, order lines less refunds
    in it (minor units)."""

    orders: np.ndarray
    net: np.ndarray


def bought(facts: Facts, span: Span) -> Bought:
    """What everybody bought in ``span``."""
    return Bought(facts.vectors.counts(Kind.ORDER, span), net_revenue(facts, span))


def net_revenue(facts: Facts, span: Span) -> np.ndarray:
    """Order lines less refunds in ``span`` by customer id, minor units."""
    vectors = facts.vectors
    lines = vectors.values(Kind.ORDER_COMPLETED, span)
    return np.asarray(lines - vectors.values(Kind.ORDER_REFUNDED, span))


def present(facts: Facts, customers: np.ndarray) -> np.ndarray:
    """The present ids of these customers, each once: who was merged is where he belongs now, and
    who was erased is left out."""
    chosen = np.zeros(facts.vectors.size, np.bool_)
    chosen[customers[customers < chosen.size]] = True
    merges = facts.log.rows.merges.frame
    gone, into = merges["from_id"].to_numpy(), merges["into_id"].to_numpy()
    known = (gone < chosen.size) & (into < chosen.size)
    gone, into = gone[known], into[known]
    chosen[into[chosen[gone]]] = True
    chosen[gone] = False
    return np.flatnonzero(chosen & facts.is_customer)
