"""Text of others inside Markdown: shown as it is, whatever signs it has."""

from __future__ import annotations

import re
from typing import Final

_SIGNS: Final = re.compile(r"([\\`*_{}\[\]()#+!$~:<>|])")


def escaped(text: str) -> str:
    """``text`` so that Markdown shows it letter by letter, on one line."""
    return _SIGNS.sub(r"\\\1", " ".join(text.split()))
