"""Colours with one meaning across the product, for the theme that the viewer has on.

Everything else of the look is in ``.streamlit/config.toml``. The channel colours were calculated:
each has a contrast of at least 3:1 on its background and stays apart from the others under the
three common colour-vision deficiencies.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import streamlit as st

STATIC = Path(__file__).parent / "static"
FAVICON = STATIC / "favicon.png"


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours by meaning."""

    name: str
    email: str
    sms: str
    push: str
    revenue: str
    accent: str  # one-series charts
    accent_soft: str  # the rest of a bar, a band
    holdout: str  # who is kept out; also "no campaign"
    good: str
    bad: str
    warn: str
    text: str
    muted: str
    grid: str
    surface: str

    def channel(self, name: str) -> str:
        """Colour of a channel by its name; anything else is grey."""
        return {"email": self.email, "sms": self.sms, "push": self.push}.get(
            name.lower(), self.holdout
        )


LIGHT = Palette(
    name="light",
    email="#2949DA",
    sms="#DD7C00",
    push="#007C50",
    revenue="#4F46E5",
    accent="#4F46E5",
    accent_soft="#E4E6F7",
    holdout="#8A90A0",
    good="#0B7A4B",
    bad="#C0362C",
    warn="#B25E00",
    text="#14171F",
    muted="#5B6272",
    grid="#E6E9F0",
    surface="#FFFFFF",
)
DARK = Palette(
    name="dark",
    email="#5B7CFA",
    sms="#F2A33A",
    push="#34D399",
    revenue="#8B87F5",
    accent="#8B87F5",
    accent_soft="#262B3D",
    holdout="#8A91A3",
    good="#3DD68C",
    bad="#FF7B6B",
    warn="#FFB224",
    text="#E8EAF0",
    muted="#A2A9B8",
    grid="#232936",
    surface="#0F1218",
)


def palette() -> Palette:
    """The colours of the viewer's present theme; light while the browser has not told."""
    return DARK if st.context.theme.type == "dark" else LIGHT


#: A name that is cut off in a link ends with dots; on a phone it goes on in a second line. A key
#: figure never is cut off: its size follows the width of its card (two beside each other on a phone
#: leave 143 px, in which 1.75rem shows nine digits), and what is still too long goes on in a second
#: line, as labels do.
_RULES: Final = """
[data-testid=stPageLink] p{overflow:hidden;text-overflow:ellipsis}
@media (max-width:640px){[data-testid=stMain] [data-testid=stPageLink] p{white-space:normal}}
[data-testid=stMetric]{container-type:inline-size}
[data-testid=stMetricValue]{font-size:clamp(1.125rem,12cqi,1.75rem)}
[data-testid=stMetric] [data-testid=stMetricValue] *{white-space:normal;overflow-wrap:anywhere}
[data-testid=stMetric] [data-testid=stMetricLabel] *{white-space:normal}
"""


def finish() -> None:
    """What ``config.toml`` cannot say."""
    st.html(f"<style>{_RULES}</style>")


def logo() -> Path:
    """The word mark that reads on the present theme."""
    return STATIC / f"logo-{palette().name}.png"
