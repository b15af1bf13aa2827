"""What a customer's reply means: opting out, opting in, or something that a person should read."""

from __future__ import annotations

import re
from typing import Final

from segmind.channels.delivery import Word

#: FCC's words of revocation, those of the carriers, and their Spanish and French forms. Each
#: counts alone or as the first word: "STOP PLEASE" must not be missed.
STOP: Final = frozenset(
    "STOP STOPALL UNSUBSCRIBE CANCEL END QUIT REVOKE OPTOUT ALTO ARRET BAJA STOPP".split()
)
#: These count only alone: a sentence that begins with "Yes" asks for nothing.
START: Final = frozenset("START YES UNSTOP SUBSCRIBE".split())

_WORD: Final = re.compile(r"[^\W\d_]+")
_OPT_OUT: Final = re.compile(r"\s*OPT[\s-]*OUT\b")
_ACCENTS: Final = str.maketrans("ÊÈÉÀ", "EEEA")


def meaning(text: str) -> Word:
    """``INBOUND_STOP``, ``INBOUND_START`` or ``INBOUND_TEXT``."""
    plain = text.upper().translate(_ACCENTS)
    words = _WORD.findall(plain)
    if not words:
        return Word.INBOUND_TEXT
    if words[0] in STOP or _OPT_OUT.match(plain):
        return Word.INBOUND_STOP
    if len(words) == 1 and words[0] in START:
        return Word.INBOUND_START
    return Word.INBOUND_TEXT
