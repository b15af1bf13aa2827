"""How many parts a text message takes, as carriers count and bill it.

3GPP TS 23.038: a text in the GSM-7 alphabet holds 160 septets in one part or 153 in each of
several; any character outside it turns the whole text into UCS-2 with 70 or 67 units of 16 bits.
Characters of the extension table take two septets. Neither an extension pair nor a surrogate pair
is split between two parts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENDED: Final = frozenset("\f^{}\\[~]|€")

#: Typographic signs that make a text UCS-2, with what reads the same in GSM-7.
PLAIN: Final = {
    "“": '"', "”": '"', "„": '"', "‘": "'", "’": "'", "‚": "'", "–": "-", "—": "-",
    "…": "...", "\u00a0": " ", "\u202f": " ", "\u200b": "", "•": "-", "´": "'", "`": "'",
    "\t": " ",
}  # fmt: skip

#: Most characters that Twilio takes in one message body.
LONGEST_BODY: Final = 1600


@dataclass(frozen=True, slots=True)
class SmsParts:
    """The size of a text: its encoding, characters, units (septets or 16-bit units) and parts."""

    encoding: Literal["GSM-7", "UCS-2"]
    characters: int
    units: int
    parts: int
    #: Characters that are not in GSM-7, each once, in order of appearance.
    unicode_because: tuple[str, ...]

    @property
    def units_left(self) -> int:
        """Units that still fit without another part."""
        one, many = (160, 153) if self.encoding == "GSM-7" else (70, 67)
        return one - self.units if self.parts <= 1 else max(0, many * self.parts - self.units)


def count(text: str) -> SmsParts:
    """The size of ``text`` as a text message; an empty text takes no part."""
    if BASIC.issuperset(text):  # nearly every text, at a tenth of the cost
        return SmsParts("GSM-7", len(text), len(text), _plain_parts(len(text)), ())
    foreign = tuple(dict.fromkeys(c for c in text if c not in BASIC and c not in EXTENDED))
    if foreign:
        sizes = [2 if ord(c) > 0xFFFF else 1 for c in text]
        units, parts = _pack(sizes, one=70, many=67)
        return SmsParts("UCS-2", len(text), units, parts, foreign)
    sizes = [2 if c in EXTENDED else 1 for c in text]
    units, parts = _pack(sizes, one=160, many=153)
    return SmsParts("GSM-7", len(text), units, parts, ())


def _plain_parts(septets: int) -> int:
    """How many parts so many characters of one septet take."""
    return min(1, septets) if septets <= 160 else -(-septets // 153)


def plain(text: str) -> str:
    """``text`` with typographic signs replaced by what GSM-7 has; other characters stay."""
    return "".join(PLAIN.get(c, c) for c in text)


def _pack(sizes: Iterable[int], *, one: int, many: int) -> tuple[int, int]:
    sizes = list(sizes)
    total = sum(sizes)
    if total <= one:
        return total, 1 if total else 0
    parts, used = 1, 0
    for size in sizes:
        if used + size > many:
            parts, used = parts + 1, 0
        used += size
    return total, parts
