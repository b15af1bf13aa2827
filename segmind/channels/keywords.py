"""What a customer's reply means: opting out, opting in, or something that a person should read."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from segmind.channels.delivery import Word

#: FCC's words of revocation, those of the carriers, and their Spanish, French and German forms.
#: Each counts alone or as the first word: "STOP PLEASE" must not be missed.
STOP: Final = frozenset(
    "STOP STOPALL UNSUBSCRIBE CANCEL END QUIT REVOKE OPTOUT "
    "ALTO BAJA PARAR CANCELAR ARRET ARRETER DESABONNER DESINSCRIRE STOPP ABMELDEN".split()
)
#: These count only alone: a sentence that begins with "Yes" or "Info" asks for something else.
START: Final = frozenset("START YES UNSTOP SUBSCRIBE".split())
HELP: Final = frozenset("HELP INFO AYUDA AIDE HILFE".split())

_WORD: Final = re.compile(r"[^\W\d_]+")
_OPT_OUT: Final = re.compile(r"\W*OPT[\s-]*OUT\b")


def meaning(text: str) -> Word:
    """``INBOUND_STOP``, ``INBOUND_START``, ``INBOUND_HELP`` or ``INBOUND_TEXT``.

    Case, accents and punctuation do not matter.
    """
    plain = _plain(text)
    words = _WORD.findall(plain)
    if not words:
        return Word.INBOUND_TEXT
    if words[0] in STOP or _OPT_OUT.match(plain):
        return Word.INBOUND_STOP
    if len(words) == 1 and words[0] in START:
        return Word.INBOUND_START
    if len(words) == 1 and words[0] in HELP:
        return Word.INBOUND_HELP
    return Word.INBOUND_TEXT


def _plain(text: str) -> str:
    """Upper case without accents; full-width letters as ordinary ones."""
    parted = unicodedata.normalize("NFKD", text.upper())
    return "".join(c for c in parted if not unicodedata.combining(c))
