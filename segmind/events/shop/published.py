"""What was published of the real month that the synthetic shop follows, and how it scales.

Source: REES46 Marketing Platform, eCommerce behavior data from multi category store, November
2019, as reported by several public analyses. Grade A: two or more independent sources agree; B:
one source, internally consistent.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

ROWS: Final = 67_501_979

#: Counts of the month: (value, grade).
COUNTS: Final[dict[str, tuple[int, str]]] = {
    "users": (3_696_117, "A"),
    "sessions": (13_776_641, "A"),
    "views": (63_556_110, "A"),
    "carts": (3_028_930, "A"),
    "purchases": (916_939, "A"),
    "buyers": (441_638, "A"),
    "gross revenue": (275_194_890, "A"),
    "cart users": (826_323, "B"),
    "cart sessions": (1_743_344, "B"),
    "purchase sessions": (773_214, "B"),
    "purchase sessions without cart": (124_853, "B"),
    "products": (190_662, "B"),
    "categories": (684, "B"),
    "brands": (4_200, "B"),
}

#: Figures that do not scale with the size: (value, grade).
SHAPES: Final[dict[str, tuple[float, str]]] = {
    "events per session, mean": (4.9, "A"),
    "events per session, median": (2, "B"),
    "events per session, 90th percentile": (11, "B"),
    "events per session, 99th percentile": (36, "B"),
    "price, median": (164.61, "B"),
    "price, 90th percentile": (758.24, "B"),
    "price, 99th percentile": (1681.9, "B"),
    "cart abandonment by session": (0.6281, "B"),
    "cart abandonment by cart event": (0.6973, "B"),
    "cart abandonment by customer": (0.4655, "B"),
}

#: Share of events by hour of day, UTC (500,000-row sample, October 2019).
HOURS: Final = (
    3358, 6588, 12562, 19222, 22294, 25368, 27344, 27414, 27901, 26931, 26967, 26183,
    25777, 27782, 31659, 34439, 37093, 32791, 25658, 15907, 9316, 5002, 2857, 2507,
)  # fmt: skip
#: Mean events by weekday, Monday first (same sample).
WEEKDAYS: Final = (15824, 16189, 15785, 15355, 16506, 16785, 17454)

#: Prices at cumulated shares of events (5 months; the tail from November), in currency units.
PRICE_QUANTILES: Final = (
    (0.0, 0.77), (0.01, 5.12), (0.05, 16.5), (0.25, 66.0), (0.50, 164.61), (0.75, 352.0),
    (0.90, 758.24), (0.95, 1010.0), (0.99, 1681.9), (1.0, 2574.07),
)  # fmt: skip
#: Events per session at cumulated shares of sessions, chosen to meet mean 4.9, median 2,
#: 90th percentile 11 and 99th percentile 36.
LENGTH_QUANTILES: Final = (
    (0.0, 0.01), (0.405, 1.0), (0.545, 2.0), (0.645, 3.0), (0.715, 4.0), (0.763, 5.0),
    (0.83, 7.0), (0.89, 10.0), (0.903, 11.0), (0.945, 16.0), (0.97, 22.0), (0.99, 36.0),
    (0.997, 58.0), (0.9995, 100.0), (1.0, 220.0),
)  # fmt: skip

MISSING_CATEGORY: Final = 0.324  # share of rows whose product has no category code
MISSING_BRAND: Final = 0.137


@dataclass(frozen=True, slots=True)
class Size:
    """How large a shop of ``events`` events is: every count scales with it.

    Products, categories and brands grow more slowly (a small shop still has a real range).
    """

    events: int

    @property
    def scale(self) -> float:
        return self.events / ROWS

    def count(self, name: str) -> int:
        return max(1, round(COUNTS[name][0] * self.scale))

    def variety(self, name: str) -> int:
        whole = COUNTS[name][0]
        grown = round(whole * math.pow(self.scale, 0.6))
        return max(min(whole, 12), min(whole, grown))
