"""Tables as Markdown, and their places in a document.

A document has regions, ``<!-- begin NAME -->`` to ``<!-- end NAME -->``, which commands fill. In a
region lie fragments, each under ``<!-- fragment KEY -->``: one for every size that was measured.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from segmind.settings import ROOT

BENCHMARKS: Final = ROOT / "docs" / "benchmarks.md"
#: Sizes at which figures are given, in millions of shop events.
_SIZES: Final = (0.7, 6.75, 67.5, 200.0)
_FRAGMENT: Final = re.compile(r"<!-- fragment (.+?) -->\n")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table whose columns are also straight on a terminal; all but the first right."""
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        first, *others = zip(cells, widths, strict=True)
        padded = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]
        return f"| {' | '.join(padded)} |"

    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join([line(head), f"| {' | '.join(rule)} |", *map(line, rows)])


def put(path: Path, region: str, key: str, text: str) -> None:
    """Put a fragment into a region of the document, instead of the one with that key.

    Fragments are in the order of the numbers in their keys.

    Raises:
        ValueError: the document has no such region.
    """
    document = path.read_text()
    begin, end = f"<!-- begin {region} -->\n", f"<!-- end {region} -->"
    before, found, rest = document.partition(begin)
    inside, closed, after = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"{path} has no lines {begin.strip()} and {end}: add them.")
    _, *parts = _FRAGMENT.split(inside)
    fragments = dict(zip(parts[::2], parts[1::2], strict=True))
    fragments[key] = f"\n{text.strip()}\n\n"
    ordered = sorted(fragments.items(), key=lambda pair: (_number(pair[0]), pair[0]))
    filled = "".join(f"<!-- fragment {name} -->\n{body}" for name, body in ordered)
    path.write_text(before + begin + filled + end + after)


def size_name(events: int) -> str:
    """``0.7M`` of 702,541; of the usual sizes, which shops meet roughly, their names."""
    for usual in _SIZES:
        if abs(events / 1e6 - usual) <= 0.01 * usual:
            return f"{usual:g}M"
    return f"{float(f'{events / 1e6:.2g}'):g}M"


def megabytes(count: int) -> str:
    """``341 MB``; nothing is a dash."""
    return f"{count / 1e6:,.0f} MB" if count else "-"


def _number(key: str) -> float:
    match = re.search(r"[\d.]+", key)
    return float(match.group()) if match else 0.0
