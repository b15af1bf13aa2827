"""Why somebody is written to: it decides which rules of the gate apply."""

from __future__ import annotations

from enum import StrEnum


class Purpose(StrEnum):
    """What a message is for.

    MARKETING needs consent and keeps caps and quiet hours. TRANSACTIONAL (an order's confirmation)
    needs no consent, but a suppressed address stays suppressed. TEST goes to a colleague's own
    address, typed by hand.
    """

    MARKETING = "marketing"
    TRANSACTIONAL = "transactional"
    TEST = "test"
