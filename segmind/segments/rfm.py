"""RFM: recency, frequency and monetary value of customers with orders, and the groups they make.

Base: the customers with at least one order in the window. R is the instant of the last order (later
is better), F the number of orders, M the net revenue (order lines less refunds, each when it
happened), all within the window.

Scores are fifths, 1 to 5: one more than the number of full fifths of the base that are strictly
worse, ``1 + floor(5 × worse / base)``. So equals have equal scores, a share of at most 20 % has a 5
where nothing is tied, and one-time buyers have F 1 however many they are.

Groups are told by R and F. Names as the field has them: ``rfm_segment`` of the R package rfm (CRAN,
0.2.2) and Putler's RFM chart, which adds Hibernating. Their published intervals overlap and leave
gaps; here every cell of R × F belongs to exactly one group, as in the grid that is usual since.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import narwhals as nw
import numpy as np

FIFTHS: Final = 5


@dataclass(frozen=True, slots=True)
class RfmGroup:
    """A group of cells. ``key`` is its name in rules and never changes."""

    key: str
    name: str
    meaning: str


GROUPS: Final[tuple[RfmGroup, ...]] = (
    RfmGroup("champions", "Champions", "bought lately and often"),
    RfmGroup("loyal", "Loyal", "buy often"),
    RfmGroup("potential_loyalists", "Potential Loyalists", "bought lately, more than once"),
    RfmGroup("new_customers", "New Customers", "bought lately for the first time"),
    RfmGroup("promising", "Promising", "bought rather lately, once"),
    RfmGroup("need_attention", "Need Attention", "average in both, about to slip"),
    RfmGroup("about_to_sleep", "About to Sleep", "not so lately, seldom"),
    RfmGroup("at_risk", "At Risk", "bought often, but long ago"),
    RfmGroup("cannot_lose", "Cannot Lose Them", "bought most often, but long ago"),
    RfmGroup("hibernating", "Hibernating", "long ago and seldom"),
    RfmGroup("lost", "Lost", "longest ago and least often"),
)
BY_KEY: Final = {group.key: group for group in GROUPS}

#: The group of every cell: R from 5 down to 1, in each F from 1 to 5.
_GRID: Final = (
    "new_customers potential_loyalists potential_loyalists champions champions",
    "promising potential_loyalists potential_loyalists loyal loyal",
    "about_to_sleep about_to_sleep need_attention loyal loyal",
    "hibernating hibernating at_risk at_risk cannot_lose",
    "lost hibernating at_risk at_risk cannot_lose",
)
CELLS: Final[dict[tuple[int, int], str]] = {
    (FIFTHS - row, column + 1): key
    for row, line in enumerate(_GRID)
    for column, key in enumerate(line.split())
}


def group_of(recency: int, frequency: int) -> RfmGroup:
    """The group of a pair of scores, each 1 to 5."""
    return BY_KEY[CELLS[recency, frequency]]


def score(column: str) -> nw.Expr:
    """The score, 1 to 5 (Int64), of every row of a frame that is the base; more is better."""
    worse = nw.col(column).rank("min").cast(nw.Int64) - 1
    return worse * FIFTHS // nw.len().cast(nw.Int64) + 1


def scores(values: np.ndarray) -> np.ndarray:
    """``score`` of whole numbers, as an array (Int8)."""
    scored = np.ones(values.size, dtype=np.int8)
    if not values.size:
        return scored
    # k full fifths are worse than a value exactly if the last of that many, in order, is.
    ends = [-(-k * values.size // FIFTHS) - 1 for k in range(1, FIFTHS)]
    least, most = int(values.min()), int(values.max())
    if most - least < values.size:
        # Few different numbers, as of orders: counted instead of parted, in a quarter of the time.
        within = np.cumsum(np.bincount(values - least))
        placed = np.searchsorted(within, ends, side="right")
        by_number = np.searchsorted(placed, np.arange(within.size)).astype(np.int8)
        return scored + by_number[values - least]
    placed = np.partition(values, ends)
    for end in ends:
        scored += values > placed[end]
    return scored


def cell(recency: nw.Expr, frequency: nw.Expr) -> nw.Expr:
    """A pair of scores as one number: 54 is R 5, F 4."""
    return recency * 10 + frequency


def cells_of(keys: tuple[str, ...]) -> list[int]:
    """The cells of these groups, as ``cell`` numbers them."""
    return sorted(10 * r + f for (r, f), key in CELLS.items() if key in keys)
