"""docs/definitions.md, written from the glossary: ``python -m segmind.analytics.glossary.document``
prints it."""

from __future__ import annotations

import sys

from segmind.analytics.glossary import AREAS
from segmind.analytics.glossary.term import Area, Term

_HEAD = """# What the figures mean

Every figure that Segmind shows, its formula, and the code that computes it. Beside each chart and
in each answer of the API stands the same with the window, zone and instant of the very question.
This page is written from `segmind/analytics/glossary`; a test fails when a page or an answer shows
a figure that is not here.

What all of them share: an order is an order id, else all purchase lines of one session, else the
line itself; it happens at its first line. Money is in whole minor units of one currency; a period
with several is refused. "The last N days" on pages are calendar days in the workspace's zone, today
among them; a period is compared with the one of the same length that ends where it starts. A share
of nothing is shown as a dash, never as 0% or NaN.
"""


def document() -> str:
    """The whole page as Markdown."""
    return "\n".join([_HEAD, *(_area(area) for area in AREAS)]).rstrip() + "\n"


def _area(area: Area) -> str:
    lines = [f"## {area.title}", "", area.intro, ""]
    lines += ["| figure | in the API | unit | means | formula | computed by |"]
    lines += ["| --- | --- | --- | --- | --- | --- |"]
    lines += [_row(term) for term in area.terms]
    return "\n".join([*lines, ""])


def _row(term: Term) -> str:
    cells = (
        "; ".join(term.names) or "–",
        ", ".join(f"`{field}`" for field in term.fields) or "–",
        term.unit,
        term.means,
        term.formula,
        term.source,
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    sys.stdout.write(document())
