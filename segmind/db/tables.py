"""Every module that declares tables, by name; importing them fills ``metadata``.

Names, not imports: the floors point down, and only Alembic and the tests need all of them.
"""

from __future__ import annotations

import importlib

MODULES = (
    "segmind.db.heartbeat",
    "segmind.db.jobs",
    "segmind.events.tables",
    "segmind.predictions.tables",
    "segmind.workspace.tables",
    "segmind.callbacks.tables",
    "segmind.customers.tables",
    "segmind.consent.tables",
    "segmind.templates.tables",
    "segmind.segments.tables",
    "segmind.messages.tables",
    "segmind.campaigns.tables",
    "segmind.automations.tables",
    "segmind.analytics.tables",
)


def load() -> None:
    """Import every table module."""
    for name in MODULES:
        importlib.import_module(name)
