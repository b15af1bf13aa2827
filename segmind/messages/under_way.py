"""Where a message really is: its row says ACCEPTED, but it is DISPATCHING while its micro-batch is
open.

Whoever counts or shows messages by state asks ``STATE``, for a ``message m``.
"""

from __future__ import annotations

from typing import Final

#: Whether a ``message m`` is in an open micro-batch: there are a few dozen at most, hashed once a
#: statement.
IS_UNDER_WAY: Final = (
    "(m.state = 3 AND m.request_id IS NOT NULL AND m.request_id IN"
    " (SELECT b.request_id FROM micro_batch b WHERE b.finished_at IS NULL))"
)
#: Whether a provider is known to have a ``message m``.
IS_ACCEPTED: Final = f"(m.state = 3 AND NOT {IS_UNDER_WAY})"
#: The state of a ``message m`` (``lifecycle.State``).
STATE: Final = f"(CASE WHEN {IS_UNDER_WAY} THEN 2 ELSE m.state END)"
