"""External ids that this process has met, so that a batch asks the database only for new ones.

An id's customer changes in two ways. A merge maps the customer: ``merging.current_ids`` is asked
for every id that is handed out, and merges are never taken back. An erasure deletes the id: every
deletion raises ``identity_epoch`` in its own transaction (a trigger does), and whoever sees another
epoch than the remembered one forgets everything. So nobody is told an id that a query of the same
moment would not have found.
"""

from __future__ import annotations

import threading
from collections.abc import Collection
from dataclasses import dataclass, field
from itertools import islice
from typing import Final
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, text

from segmind.customers import merging
from segmind.db.literals import literal

#: Ids kept per store and namespace, about 150 bytes each.
MOST_IDS: Final = 200_000

Ids = dict[str, int]


@dataclass
class _Known:
    epoch: int = -1
    user: Ids = field(default_factory=dict)
    anonymous: Ids = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


_stores: WeakKeyDictionary[Engine, _Known] = WeakKeyDictionary()
_making: Final = threading.Lock()


def find(conn: Connection, users: Collection[str], anonymous: Collection[str]) -> tuple[Ids, Ids]:
    """The customers of those of these ids that are known, as they are now: by user id, by browser.

    ``conn`` is in READ COMMITTED, the answer is the present one.
    """
    known = _of_store(conn.engine)
    epoch, is_clean = conn.execute(_STATE).one()
    with known.lock:
        if known.epoch != epoch:
            known.epoch, known.user, known.anonymous = epoch, {}, {}
        found_users = {i: known.user[i] for i in users if i in known.user}
        found_browsers = {i: known.anonymous[i] for i in anonymous if i in known.anonymous}
    asked = [
        [i for i in users if i not in found_users],
        [i for i in anonymous if i not in found_browsers],
    ]
    news = _read(conn, *asked) if any(asked) else ({}, {})
    found_users |= news[0]
    found_browsers |= news[1]
    _follow_merges(conn, found_users, found_browsers)
    if is_clean:  # what this transaction wrote itself may be rolled back
        _keep(known, epoch, found_users, found_browsers)
    return found_users, found_browsers


def _read(conn: Connection, users: list[str], anonymous: list[str]) -> tuple[Ids, Ids]:
    found: tuple[Ids, Ids] = ({}, {})
    values = {"users": literal(users), "anonymous": literal(anonymous)}
    for is_user, external_id, customer_id in conn.execute(_FIND, values):
        found[0 if is_user else 1][external_id] = customer_id
    return found


def _follow_merges(conn: Connection, *found: Ids) -> None:
    into = merging.current_ids(conn, list({c for ids in found for c in ids.values()}))
    for ids in found if into else ():
        for external_id, customer_id in ids.items():
            ids[external_id] = into.get(customer_id, customer_id)


def _keep(known: _Known, epoch: int, users: Ids, anonymous: Ids) -> None:
    with known.lock:
        if known.epoch != epoch:
            return
        for kept, found in ((known.user, users), (known.anonymous, anonymous)):
            kept |= found
            for oldest in list(islice(kept, max(0, len(kept) - MOST_IDS))):
                del kept[oldest]


def _of_store(engine: Engine) -> _Known:
    with _making:
        return _stores.setdefault(engine, _Known())


_STATE: Final = text(
    "SELECT epoch, pg_current_xact_id_if_assigned() IS NULL AS is_clean FROM identity_epoch"
)
_FIND: Final = text(
    """
    SELECT true, external_id, customer_id FROM identity
    WHERE namespace = 'user' AND external_id = ANY(CAST(:users AS text[]))
    UNION ALL
    SELECT false, external_id, customer_id FROM identity
    WHERE namespace = 'anonymous' AND external_id = ANY(CAST(:anonymous AS text[]))
    """
)
