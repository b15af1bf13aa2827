"""Who carried each message, and where to: its provider and its recipient's domain or country.

The log does not say; the messages' rows do, and what they say does not change once a message was
handed over. So it is read once a process, for the messages that a question is about, and kept as
one small number by message id (4 bytes a message).
"""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import Final

import numpy as np
import phonenumbers
import polars as pl
from numpy.typing import NDArray

from segmind.db.copy import copy_out
from segmind.db.engine import Store
from segmind.events.schema import Channel

Ints = NDArray[np.int64]
Codes = NDArray[np.int32]
#: Up to so many unknown messages are asked for one by one, more of them as a range.
_FEW: Final = 5_000
_SCHEMA: Final = {
    "id": pl.Int64(),
    "channel": pl.Int8(),
    "provider": pl.String(),
    "to": pl.String(),
}
_QUERY: Final = """
    SELECT id, channel, provider, CASE channel
        WHEN {email} THEN lower(split_part(address, '@', 2))
        WHEN {sms} THEN left(address, 5) ELSE '' END
    FROM message WHERE provider IS NOT NULL AND
"""


class Carriage:
    """What was read so far. ``places``: row 0 is "unknown", then channel Int8, provider and place
    String; a message's code is its row there."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._codes: Codes = np.zeros(0, np.int32)
        self._rows: dict[tuple[int, str, str], int] = {}

    def codes(self, messages: Ints) -> Codes:
        """The code of each message (any order, repeats allowed); 0: there is no row of it."""
        if not len(messages):
            return np.zeros(0, np.int32)
        with self._lock:
            self._grow(int(messages.max()) + 1)
            unknown = np.unique(messages[self._codes[messages] == 0])
            if len(unknown):
                self._read(unknown)
                missing = unknown[self._codes[unknown] == 0]
                self._codes[missing] = -1  # asked for, and there is no row: not asked for again
            return np.maximum(self._codes[messages], 0)

    def places(self) -> pl.DataFrame:
        """channel, provider, place by code."""
        with self._lock:
            known = [(0, "", ""), *self._rows]
        return pl.DataFrame(
            known,
            schema={"channel": pl.Int8(), "provider": pl.String(), "place": pl.String()},
            orient="row",
        )

    def _grow(self, size: int) -> None:
        if size > len(self._codes):
            grown = np.zeros(max(size, 2 * len(self._codes)), np.int32)
            grown[: len(self._codes)] = self._codes
            self._codes = grown

    def _read(self, unknown: Ints) -> None:
        query = _QUERY.format(email=int(Channel.EMAIL), sms=int(Channel.SMS))
        with self._store.engine.connect() as conn:
            if len(unknown) <= _FEW:
                rows = copy_out(conn, f"{query} id = ANY(%s)", _SCHEMA, [unknown.tolist()])
            else:
                bounds = [int(unknown[0]), int(unknown[-1])]
                rows = copy_out(conn, f"{query} id BETWEEN %s AND %s", _SCHEMA, bounds)
        self._grow(int(rows["id"].max() or 0) + 1)  # type: ignore[arg-type]
        kinds = rows.select("channel", "provider", "to").unique()
        numbers = [
            self._number(int(channel), provider, place_of(int(channel), to))
            for channel, provider, to in kinds.iter_rows()
        ]
        numbered = kinds.with_columns(pl.Series("code", numbers, dtype=pl.Int32))
        told = rows.join(numbered, on=["channel", "provider", "to"], how="left", nulls_equal=True)
        self._codes[told["id"].to_numpy()] = told["code"].to_numpy()

    def _number(self, channel: int, provider: str, place: str) -> int:
        return self._rows.setdefault((channel, provider, place), len(self._rows) + 1)


def place_of(channel: int, to: str | None) -> str:
    """Where a message went: an e-mail's domain, a number's country ("+1 US …" where several share a
    code), "devices" for push; "erased" where the address is gone."""
    if channel == int(Channel.PUSH):
        return "devices"
    if not to:
        return "erased"
    return _country(to) if channel == int(Channel.SMS) else to


@lru_cache(maxsize=20_000)
def _country(start: str) -> str:
    digits = start.removeprefix("+")
    for length in (1, 2, 3):
        regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(digits[:length] or 0))
        if regions:
            return f"+{digits[:length]} {regions[0]}{' …' if len(regions) > 1 else ''}"
    return "unknown country"


_KEPT: dict[str, Carriage] = {}
_KEPT_LOCK = threading.Lock()


def carriage(store: Store) -> Carriage:
    """The one of this process for the store's database."""
    with _KEPT_LOCK:
        return _KEPT.setdefault(str(store.engine.url), Carriage(store))
