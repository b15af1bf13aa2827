"""Every figure that the product shows, with its formula and where that comes from.

``docs/definitions.md`` is written from here (``python -m segmind.analytics.glossary.document``); a
test fails when a page or an answer of the API shows a figure that is not told here.
"""

from __future__ import annotations

from typing import Final

from segmind.analytics.glossary import earned, engaged, foretold, people, replayed, work
from segmind.analytics.glossary.term import Area, Term

AREAS: Final[tuple[Area, ...]] = (
    earned.AREA,
    engaged.AREA,
    people.AREA,
    foretold.AREA,
    replayed.AREA,
    work.AREA,
)
TERMS: Final[tuple[Term, ...]] = tuple(term for area in AREAS for term in area.terms)
_BY_NAME: Final[dict[str, tuple[Term, ...]]] = {
    name: tuple(term for term in TERMS if name in term.names)
    for name in {name for term in TERMS for name in term.names}
}
#: Fields of the API's answers that are figures.
FIELDS: Final[frozenset[str]] = frozenset(field for term in TERMS for field in term.fields)


def terms(name: str) -> tuple[Term, ...]:
    """What is shown under this name: one term, or several that pages tell apart; none: ()."""
    return _BY_NAME.get(name, ())
