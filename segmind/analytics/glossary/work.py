"""The log and how well it is."""

from __future__ import annotations

from typing import Final

from segmind.analytics.glossary.term import Area, Term

AREA: Final = Area(
    "The log",
    "What the page Data says of the event log itself.",
    (
        Term(
            ("Events", "Events by day", "Events by name"), "events", "everything in the log",
            "number of rows, by UTC day or by name", "`events.quality`",
        ),
        Term(
            ("Last event",), "time", "how fresh the log is", "now - newest instant in the log",
            "`events.quality`",
        ),
        Term(
            ("Not sealed yet",), "events", "rows that are still in PostgreSQL",
            "number of recent rows", "`events.quality`",
        ),
        Term(
            ("Repeated purchase lines",), "lines",
            "purchases of one product in one session told more than once",
            "lines - different (customer, session, product)", "`events.quality`",
        ),
    ),
)  # fmt: skip
