"""Money and quantities as they arrive in JSON: decimals in, integer minor units out."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, Final

from segmind.customers.calls import InvalidCall
from segmind.workspace import currency as currencies

_LARGEST: Final = Decimal(10) ** 12
_LARGEST_PLAIN: Final = 10**11  # fourteen digits with three decimals
_LARGEST_QUANTITY: Final = 1_000_000_000


def amount(value: Any, field: str) -> Decimal:
    """A sum of money, not negative, exactly as written (a JSON number by its shortest digits).

    Raises:
        InvalidCall: no number, negative, or larger than 10^12.
    """
    number = _decimal(value, field)
    if number < 0:
        raise InvalidCall("The amount is negative.", field=field)
    if number > _LARGEST:
        raise InvalidCall("The amount is too large to be true.", field=field)
    return number


def quantity(value: Any, field: str) -> int:
    """A whole number of at least 1; None is 1.

    Raises:
        InvalidCall: anything else.
    """
    if value is None:
        return 1
    number = _decimal(value, field)
    if number != number.to_integral_value() or not 1 <= number <= _LARGEST_QUANTITY:
        raise InvalidCall("The quantity is no whole number of at least 1.", field=field)
    return int(number)


@lru_cache(maxsize=16_384)
def minor(value: Decimal, currency: str) -> int:
    """``value`` in the currency's minor units, rounded half to even."""
    scaled = value.scaleb(currencies.decimals(currency))
    return int(scaled.to_integral_value(rounding=ROUND_HALF_EVEN))


def plain_minor(value: float, currency: str) -> int | None:
    """``minor`` of ``amount`` where a number is so many minor units and no part of one; None where
    it takes a closer look.

    Up to fifteen digits the number nearest to a decimal fraction is written as that fraction
    again: equal to a whole number of units divided by their scale, it is exactly so many.
    """
    scale = 10 ** currencies.decimals(currency)
    if not 0 <= value <= _LARGEST_PLAIN:
        return None
    units = round(value * scale)
    return units if units / scale == value else None


def currency(value: Any, workspace: str, field: str) -> str:
    """The currency's code; None is the workspace's.

    Raises:
        InvalidCall: no code, or not the workspace's: sums over several currencies are not true.
    """
    if value is None or value == "":
        return workspace
    code = value.strip().upper() if isinstance(value, str) else ""
    if code not in currencies.CODES:
        raise InvalidCall("The currency is no ISO 4217 code such as USD.", field=field)
    if code != workspace:
        raise InvalidCall(f"The shop counts in {workspace}; {code} must be converted.", field=field)
    return code


def shared_out(total: int, weights: Sequence[Decimal]) -> list[int]:
    """``total`` divided in proportion to ``weights`` so that the parts add up to it exactly.

    Largest remainder (Hamilton); ties go to the earlier part. All weights zero: equal parts.
    """
    parts = list(weights) if any(weights) else [Decimal(1)] * len(weights)
    whole = sum(parts, Decimal(0))
    exact = [Decimal(total) * part / whole for part in parts]
    floors = [int(share) for share in exact]
    by_rest = sorted(range(len(parts)), key=lambda i: (floors[i] - exact[i], i))
    for i in by_rest[: total - sum(floors)]:
        floors[i] += 1
    return floors


def _decimal(value: Any, field: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise InvalidCall("This is no number.", field=field)
    try:
        number = _read(value)
    except InvalidOperation:
        raise InvalidCall("This is no number.", field=field) from None
    if not number.is_finite():
        raise InvalidCall("This is no number.", field=field)
    return number


@lru_cache(maxsize=16_384, typed=True)  # a shop has few prices, and they come again and again
def _read(value: str | int | float) -> Decimal:
    # A float's str() is the shortest text that reads back the same: 19.99 is 19.99.
    return Decimal(str(value).strip())
