"""Numbers, money and times as a person reads them."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from segmind import percent as percents
from segmind.workspace.currency import decimals

_SIGNS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹", "CNY": "¥"}
DASH = "–"


def digits(currency: str) -> int:
    """How many decimal places the currency's minor unit stands for."""
    return decimals(currency)


def major(minor: int | float | None, currency: str) -> float:
    """Minor units as a float of major units: for axes and tables, never for sums."""
    return float(minor or 0) / float(10 ** digits(currency))


def money(minor: int | float | None, currency: str, *, compact: bool = False) -> str:
    """``123456`` USD as ``$1,234.56``; compact: ``$1.2K``."""
    if minor is None:
        return DASH
    amount = major(minor, currency)
    sign = "−" if amount < 0 else ""
    body = short(abs(amount)) if compact else f"{abs(amount):,.{digits(currency)}f}"
    mark = _SIGNS.get(currency)
    return f"{sign}{mark}{body}" if mark else f"{sign}{body} {currency}"


def sign(currency: str) -> str:
    """The currency's sign where it has one, else its code."""
    return _SIGNS.get(currency, currency)


def column_format(currency: str) -> str:
    """How a table's column of major units is shown."""
    known = {"USD": "dollar", "EUR": "euro", "JPY": "yen"}
    return known.get(currency, f"%.{digits(currency)}f")


def micros(amount: int | None, currency: str) -> str:
    """Millionths of the currency unit as money, with four places when it is below one unit."""
    if amount is None:
        return DASH
    value = amount / 1_000_000
    places = digits(currency) if value >= 1 or value == 0 else 4
    mark = _SIGNS.get(currency)
    return f"{mark}{value:,.{places}f}" if mark else f"{value:,.{places}f} {currency}"


def short(value: float) -> str:
    """Three significant digits with K, M or B."""
    for limit, letter in ((1e9, "B"), (1e6, "M"), (1e3, "K")):
        if abs(value) >= limit:
            scaled = value / limit
            return f"{scaled:.1f}{letter}" if abs(scaled) < 100 else f"{scaled:.0f}{letter}"
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 100 else f"{value:,.2f}"


def count(value: float | None) -> str:
    """A whole number with thousands separators."""
    return DASH if value is None else f"{value:,.0f}"


def share(part: float | None, whole: float | None, places: int = 1) -> str:
    """``part`` of ``whole`` in per cent; a dash where there is no whole."""
    return DASH if part is None or not whole else percents.of_share(part / whole, places)


def percent(value: float | None, places: int = 1) -> str:
    """A ratio in per cent."""
    return DASH if value is None else percents.of_share(value, places)


def per_cent(value: float) -> str:
    """So many per cent, as somebody chose them: ``10%``, ``12.5%``."""
    return percents.said(value)


def change(value: float) -> str:
    """A change by so many per cent, signed: ``+4.2%``, ``-1,250%``."""
    places = 1 if abs(value) < 1000 else 0
    return f"{value:+,.{places}f}%"


def plural(n: float, one: str, many: str | None = None) -> str:
    """``1 customer``, ``2 customers``."""
    return f"{count(n)} {one if n == 1 else many or one + 's'}"


def instant(at: datetime | None, zone: ZoneInfo) -> str:
    """``21 Nov 2026 09:00``, in ``zone``."""
    return DASH if at is None else f"{at.astimezone(zone):%-d %b %Y %H:%M}"


def day(on: date) -> str:
    """``21 Nov``."""
    return f"{on:%-d %b}"


def clock_time(at: datetime, zone: ZoneInfo) -> str:
    """``14:02 UTC``, in ``zone``."""
    return f"{at.astimezone(zone):%H:%M %Z}"


def ago(at: datetime | None, now: datetime) -> str:
    """``just now``, ``4 min ago``, ``3 h ago``, ``12 days ago``; ``in 2 h`` for the future."""
    if at is None:
        return "never"
    gap = now - at
    words = span(abs(gap))
    if abs(gap) < timedelta(seconds=5):
        return "just now"
    return f"in {words}" if gap < timedelta(0) else f"{words} ago"


def span(gap: timedelta) -> str:
    """A length of time in its largest sensible unit."""
    seconds = gap.total_seconds()
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds // 60:.0f} min"
    if seconds < 48 * 3600:
        return f"{seconds // 3600:.0f} h"
    return f"{seconds // 86400:.0f} days"


def size(octets: float) -> str:
    """Bytes in kB, MB or GB."""
    for limit, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if octets >= limit:
            return f"{octets / limit:.1f} {unit}"
    return f"{octets:.0f} B"


def mask_email(address: str | None) -> str:
    """``m…@example.com``."""
    if not address or "@" not in address:
        return ""
    name, _, host = address.partition("@")
    return f"{name[:1]}…@{host}"


def mask_phone(number: str | None) -> str:
    """``+1 ••• 0142``."""
    return "" if not number else f"{number[:2]} ••• {number[-4:]}"


def mask_name(first: str | None, last: str | None) -> str:
    """``Mara K.``; a dash when nothing is known."""
    parts = [first or "", f"{last[:1]}." if last else ""]
    return " ".join(part for part in parts if part) or DASH
