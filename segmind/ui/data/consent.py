"""Suppressed addresses, and the judgement of opens and clicks."""

from __future__ import annotations

from datetime import timedelta

from segmind.consent import suppression_lists
from segmind.consent.addresses import address_key
from segmind.consent.reasons import SuppressionReason
from segmind.consent.suppression_lists import Imported
from segmind.events.schema import Channel
from segmind.messages import rescore
from segmind.messages.rescore import Rescored
from segmind.ui.access import allow
from segmind.ui.store import now, store
from segmind.workspace import audit
from segmind.workspace.permissions import Action

#: User agents are kept for 30 days by default: further back there is less to judge by.
JUDGED_BACK = timedelta(days=30)


def suppressions() -> dict[Channel, dict[SuppressionReason, int]]:
    """How many addresses are suppressed, by channel and reason."""
    with store().engine.connect() as conn:
        return suppression_lists.counts(conn)


def suppressions_csv() -> bytes:
    """All of them as CSV. Raises NotAllowed."""
    allow(Action.EXPORT_DATA)
    with store().engine.connect() as conn:
        return "".join(suppression_lists.as_csv(conn)).encode()


def import_suppressions(file_name: str, content: bytes) -> Imported:
    """Suppress what a CSV lists. Raises InvalidInput, NotAllowed."""
    who = allow(Action.EDIT_CUSTOMERS)
    rows = suppression_lists.read_csv(content)
    opened = store()
    with opened.engine.begin() as conn:
        key = address_key(opened.settings.secret_key)
        done = suppression_lists.take(conn, key, rows, f"list {file_name[:80]}", now())
        detail = {"taken": done.taken, "rejected": len(done.rejected)}
        audit.record(conn, who.email, "suppressions.add", "suppressions", detail)
    return done


def judge_again() -> Rescored:
    """Judge opens and clicks of the last 30 days under the present rules. Raises NotAllowed."""
    allow(Action.EDIT_SETTINGS)
    return rescore.rescore(store(), now() - JUDGED_BACK, "Judge opens and clicks again")
