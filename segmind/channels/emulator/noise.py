"""How reports arrive: twice, late, out of order, forged, replayed; as shares, drawn by seed."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

from segmind.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Noise:
    """Shares of the reports.

    ``duplicated``: reported twice, under the same id. ``late``: ``late_seconds`` after their time.
    ``forged``: accompanied by a false report whose signature is wrong. ``replayed``: the same
    signed request comes once more, byte for byte. ``shuffle_seconds``: every report comes up to
    so much later, so that their order is lost.
    """

    duplicated: float = 0.0
    late: float = 0.0
    forged: float = 0.0
    replayed: float = 0.0
    late_seconds: float = 10.0
    shuffle_seconds: float = 0.0

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            most = 1.0 if each.name in {"duplicated", "late", "forged", "replayed"} else 86_400.0
            if not 0.0 <= value <= most:
                raise InvalidInput(f"The noise must lie from 0 to {most:g}.", field=each.name)


ORDERLY: Final = Noise()
MIXED: Final = Noise(
    duplicated=0.2, late=0.05, forged=0.05, replayed=0.05, late_seconds=5.0, shuffle_seconds=2.0
)
NAMED: Final = {"orderly": ORDERLY, "mixed": MIXED}
