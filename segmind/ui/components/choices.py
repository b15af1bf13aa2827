"""Long lists to choose from."""

from __future__ import annotations

from functools import cache
from zoneinfo import available_timezones

from segmind.workspace.currency import CODES


@cache
def currencies() -> list[str]:
    """ISO 4217 codes, in order."""
    return sorted(CODES)


@cache
def zones() -> list[str]:
    """IANA time zones, UTC first."""
    return ["UTC", *sorted(zone for zone in available_timezones() if zone != "UTC")]
