"""What receipts say of one message, added up. The sum does not depend on their order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from segmind.channels.delivery import Delivery, Word
from segmind.messages.lifecycle import REPORTED, furthest
from segmind.messages.lifecycle import Delivery as Reached

#: Words that mean "do not write again".
OPT_OUTS = frozenset({Word.UNSUBSCRIBED, Word.COMPLAINED, Word.INBOUND_STOP})

#: Words whose code says why a message did not arrive.
NOT_DELIVERED = frozenset({Word.BOUNCED_HARD, Word.BOUNCED_SOFT, Word.FAILED})


@dataclass(slots=True)
class Engagement:
    """What is new about a message: how far it got, first instants (by people), counts."""

    reached: Reached = Reached.NONE
    provider: str | None = None  # who reports, where a report names the message at its provider
    provider_id: str | None = None
    delivery_code: str | None = None
    delivered_at: datetime | None = None
    opened_at: datetime | None = None
    clicked_at: datetime | None = None
    unsubscribed_at: datetime | None = None
    complained_at: datetime | None = None
    opens: int = 0
    clicks: int = 0
    machine_opens: int = 0
    machine_clicks: int = 0

    def add(self, report: Delivery, at: datetime) -> None:
        """Count one report, which happened at ``at``."""
        self.reached = furthest(self.reached, REPORTED.get(report.word, Reached.NONE))
        if report.provider_id is not None:
            self.provider_id = min(self.provider_id or report.provider_id, report.provider_id)
            self.provider = min(self.provider or report.provider, report.provider)
        if report.code is not None and report.word in NOT_DELIVERED:
            self.delivery_code = min(self.delivery_code or report.code, report.code)
        match report.word:
            case Word.DELIVERED:
                self.delivered_at = earliest(self.delivered_at, at)
            case Word.OPENED if report.machine:
                self.machine_opens += 1
            case Word.OPENED:
                self.opens += 1
                self.opened_at = earliest(self.opened_at, at)
            case Word.CLICKED if report.machine:
                self.machine_clicks += 1
            case Word.CLICKED:
                self.clicks += 1
                self.clicked_at = earliest(self.clicked_at, at)
            case Word.UNSUBSCRIBED | Word.INBOUND_STOP:
                self.unsubscribed_at = earliest(self.unsubscribed_at, at)
            case Word.COMPLAINED:
                self.complained_at = earliest(self.complained_at, at)
            case _:
                pass


def earliest(one: datetime | None, other: datetime) -> datetime:
    """The earlier of two instants, of which one may be unknown."""
    return other if one is None else min(one, other)
