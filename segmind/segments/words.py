"""How values and names are said in a sentence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from segmind.segments.fields import FieldType
from segmind.workspace.currency import decimals

_SYMBOLS: Final = {"USD": "$", "EUR": "€", "GBP": "£"}


@dataclass(frozen=True, slots=True)
class Words:
    """What a sentence needs of the workspace. ``segment`` and ``source`` give names for ids."""

    currency: str = "USD"
    segment: Callable[[int], str] = lambda number: f"segment {number}"
    source: Callable[[str, int], str] = lambda kind, number: f"{kind} {number}"

    def money(self, minor: float) -> str:
        """An amount of minor units: ``$12.50``, ``1,200 JPY``."""
        places = decimals(self.currency)
        amount = f"{abs(minor) / 10**places:,.{places}f}"
        sign = "-" if minor < 0 else ""
        if self.currency in _SYMBOLS:
            return f"{sign}{_SYMBOLS[self.currency]}{amount}"
        return f"{sign}{amount} {self.currency}"

    def operand(self, value: Any, field: FieldType) -> str:
        """One operand of a comparison: texts in quotes, money with its currency."""
        if isinstance(value, bool):
            return "true" if value else "false"
        if field is FieldType.MONEY:
            return self.money(value)
        return f"“{value}”" if isinstance(value, str) else f"{value:,}"


def alternatives(items: list[str]) -> str:
    """``a, b or c``; a long list ends in ``or 12 more``."""
    if len(items) > 6:
        items = [*items[:5], f"{len(items) - 5} more"]
    return " or ".join(filter(None, (", ".join(items[:-1]), items[-1])))


def times(n: int) -> str:
    """``once``, ``twice``, ``12 times``."""
    return {1: "once", 2: "twice"}.get(n, f"{n:,} times")


def ago(at: datetime | None, as_of: datetime) -> str:
    """How long before ``as_of`` something happened: ``47 days ago``; ``never`` for None."""
    return "never" if at is None else f"{length(as_of - at)} ago"


def length(span: timedelta) -> str:
    """A length in its largest sensible unit, rounded down: ``47 days``, ``3 hours``."""
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        n = int(span.total_seconds() // size)
        if n >= (2 if unit != "minute" else 1):
            return f"{n:,} {unit}{'s' * (n != 1)}"
    return "less than a minute"


def day_in(at: datetime, zone: ZoneInfo) -> date:
    """The calendar day of an instant in a zone."""
    return at.astimezone(zone).date()
