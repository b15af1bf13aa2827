"""Where a message really is: READY in its own row, but DISPATCHING while its micro-batch is open.

Whoever counts or shows messages by state asks ``STATE``, for a ``message m``.
"""

from __future__ import annotations

from typing import Final

#: Ids of the messages in open micro-batches: a few thousand at most, hashed once a statement.
UNDER_WAY: Final = "SELECT unnest(b.message_ids) FROM micro_batch b WHERE b.finished_at IS NULL"
#: Whether a ``message m`` is in an open micro-batch.
IS_UNDER_WAY: Final = f"(m.state = 0 AND m.id IN ({UNDER_WAY}))"
#: The state of a ``message m`` (``lifecycle.State``).
STATE: Final = f"(CASE WHEN {IS_UNDER_WAY} THEN 2 ELSE m.state END)"
