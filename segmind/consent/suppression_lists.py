"""Suppressions in and out: lists from another product come in, ours can be taken along.

Ours hold keyed hashes, no addresses; another installation needs the same secret key to use them.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, text

from segmind.consent import suppressions
from segmind.consent.addresses import address_hash, as_channel, is_valid, normalise
from segmind.consent.reasons import SuppressionReason
from segmind.errors import InvalidInput
from segmind.events.schema import Channel

COLUMNS: Final = ("channel", "address_hash", "reason", "origin", "at")
#: Rows of one import: more belong into several files.
MOST_ROWS: Final = 200_000
_PORTION: Final = 5_000


@dataclass(frozen=True, slots=True)
class Row:
    """One listed suppression."""

    id: int
    channel: Channel
    address_hash: bytes
    reason: SuppressionReason
    origin: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that was not taken: its number (the first is 1) and why."""

    row: int
    reason: str


@dataclass(frozen=True, slots=True)
class Imported:
    """``taken`` and ``rejected`` add up to the rows."""

    taken: int
    rejected: tuple[Rejected, ...]


def page(conn: Connection, *, before: int | None = None, limit: int = 100) -> list[Row]:
    """The newest first; ``before`` is the id of the last one seen."""
    rows = conn.execute(
        text("""
            SELECT id, channel, address_hash, reason, origin, at FROM suppression
            WHERE id < COALESCE(:before, 9223372036854775807) ORDER BY id DESC LIMIT :limit
        """),
        {"before": before, "limit": limit},
    )
    return [
        Row(row[0], Channel(row[1]), bytes(row[2]), SuppressionReason(row[3]), row[4], row[5])
        for row in rows
    ]


def counts(conn: Connection) -> dict[Channel, dict[SuppressionReason, int]]:
    """How many addresses are suppressed, by channel and reason; what is missing is none."""
    found: dict[Channel, dict[SuppressionReason, int]] = {}
    rows = conn.execute(text("SELECT channel, reason, count(*) FROM suppression GROUP BY 1, 2"))
    for channel, reason, n in rows:
        found.setdefault(Channel(channel), {})[SuppressionReason(reason)] = n
    return found


def as_csv(conn: Connection) -> Iterator[str]:
    """All of them as CSV (``COLUMNS``, hashes in hex), in pieces of text, the newest first."""
    yield ",".join(COLUMNS) + "\r\n"
    before: int | None = None
    while rows := page(conn, before=before, limit=_PORTION):
        out = io.StringIO()
        writer = csv.writer(out)
        for row in rows:
            at = row.at.isoformat()
            origin = f"'{row.origin}" if row.origin[:1] in "=+-@\t\r" else row.origin
            writer.writerow(
                [row.channel.label, row.address_hash.hex(), row.reason.value, origin, at]
            )
        yield out.getvalue()
        before = rows[-1].id


def read_csv(content: bytes) -> list[dict[str, str]]:
    """The rows of an uploaded CSV with a header.

    Raises:
        InvalidInput: it is no UTF-8 text, has too many rows, or lacks a column ``channel`` or both
            ``address`` and ``address_hash``.
    """
    try:
        reader = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""))
        names = [(name or "").strip().lower() for name in reader.fieldnames or ()]
        reader.fieldnames = names
        rows = []
        for row in reader:
            rows.append({k: (v or "").strip() for k, v in row.items() if isinstance(k, str)})
            if len(rows) > MOST_ROWS:
                raise InvalidInput(f"The list has more than {MOST_ROWS:,} rows.", hint="Part it.")
    except (UnicodeDecodeError, csv.Error):
        raise InvalidInput("The list is no CSV in UTF-8.", hint="Save it as CSV UTF-8.") from None
    if "channel" not in names or not {"address", "address_hash"} & set(names):
        raise InvalidInput(
            "The list needs the columns channel and address (or address_hash).",
            hint="channel is email, sms or push; reason may follow.",
        )
    return rows


def take(
    conn: Connection,
    key: bytes,
    rows: Iterable[Mapping[str, str]],
    origin: str,
    now: datetime,
) -> Imported:
    """Suppress what the ``rows`` name: channel, address or address_hash, and perhaps reason.

    Each row is taken or rejected with its reason; repeating a list changes nothing. Customers who
    have one of the addresses are marked, also where only hashes are known.
    """
    taken: list[tuple[Channel, bytes, SuppressionReason, str, datetime]] = []
    addresses: dict[Channel, list[str]] = {}
    rejected = []
    for n, row in enumerate(rows, 1):
        read = _read(key, row)
        if isinstance(read, str):
            rejected.append(Rejected(n, read))
            continue
        channel, hashed, reason, address = read
        taken.append((channel, hashed, reason, origin, now))
        if address is not None:
            addresses.setdefault(channel, []).append(address)
    for first in range(0, len(taken), _PORTION):
        suppressions.add_hashes(conn, taken[first : first + _PORTION])
    for channel, its in addresses.items():
        for first in range(0, len(its), _PORTION):
            suppressions.mark(conn, channel, its[first : first + _PORTION])
    if len(taken) > sum(map(len, addresses.values())):
        _remirror_all(conn, key)
    return Imported(len(taken), tuple(rejected))


def _read(
    key: bytes, row: Mapping[str, str]
) -> tuple[Channel, bytes, SuppressionReason, str | None] | str:
    try:
        channel = as_channel(row.get("channel", "").strip().lower())
    except KeyError:
        return "channel is not email, sms or push"
    try:
        reason = SuppressionReason(row.get("reason", "").strip().lower() or "manual")
    except ValueError:
        return f"reason is none of {', '.join(SuppressionReason)}"
    if given := row.get("address", "").strip():
        address = normalise(channel, given)
        if address is None or not is_valid(channel, address):
            return f"address is no {channel.label} address"
        return channel, address_hash(key, channel, address), reason, address
    try:
        hashed = bytes.fromhex(row.get("address_hash", "").strip())
    except ValueError:
        hashed = b""
    if len(hashed) != 32:
        return "there is neither an address nor a hash of 64 hexadecimal digits"
    return channel, hashed, reason, None


def _remirror_all(conn: Connection, key: bytes) -> None:
    """Look for every customer's address among the suppressions: hashes cannot be looked up."""
    above = 0
    while True:
        ids = list(
            conn.execute(
                text("SELECT id FROM customer WHERE id > :above ORDER BY id LIMIT :n"),
                {"above": above, "n": _PORTION},
            ).scalars()
        )
        if not ids:
            return
        suppressions.remirror(conn, key, ids)
        above = ids[-1]
