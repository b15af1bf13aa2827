"""Per cent in words and figures: one spelling everywhere, the sign at its number: ``7.8%``."""

from __future__ import annotations


def of_share(share: float, places: int = 1) -> str:
    """A share (0.078) in per cent with so many decimal places: ``7.8%``."""
    return f"{100 * share:.{places}f}%"


def rounded(share: float) -> str:
    """A share in per cent to one decimal place, where it has one: 1 of 3 is ``33.3%``, 1 of 2
    ``50%``."""
    return said(round(100 * share, 1))


def said(percent: float) -> str:
    """So many per cent, as they were given: 10.0 is ``10%``, 12.5 ``12.5%``."""
    return f"{percent:.6g}%"
