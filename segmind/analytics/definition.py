"""What a figure means, said beside the figure."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Definition:
    """The card of a figure: what is counted, in which window, from when, ties, zone, as of."""

    what: str
    window: str
    start_point: str
    tie_break: str
    zone: str
    as_of: datetime | None = None

    def as_json(self) -> dict[str, str | None]:
        values = asdict(self)
        values["as_of"] = self.as_of.isoformat() if self.as_of else None
        return values
