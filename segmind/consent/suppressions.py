"""Addresses that must not be used, kept as keyed hashes: they survive erasure and re-import."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from segmind.consent.addresses import COLUMN, address_hash, as_channel, normalise
from segmind.consent.reasons import SuppressionReason
from segmind.db.literals import literal
from segmind.errors import InvalidInput
from segmind.events.schema import Channel

#: Of two reasons for one address the stronger is kept; of equals the earlier. So the order in which
#: receipts arrive does not matter.
_RANK = (
    "CASE {0} "
    + " ".join(f"WHEN '{reason.value}' THEN {n}" for n, reason in enumerate(SuppressionReason))
    + " ELSE -1 END"
)


@dataclass(frozen=True, slots=True)
class Suppression:
    """Why an address is suppressed, who said so, and since when."""

    reason: SuppressionReason
    origin: str
    at: datetime


def add(
    conn: Connection,
    key: bytes,
    channel: Channel | str | int,
    address: str,
    reason: SuppressionReason | str,
    origin: str,
    now: datetime,
    *,
    customer_id: int | None = None,
) -> None:
    """Suppress ``address`` and mark every customer who has it. Repeating it changes nothing.

    ``key`` is ``addresses.address_key(settings.secret_key)``; ``origin`` says where it came from
    ("sendgrid", "one_click", a member's e-mail address).

    Raises:
        InvalidInput: there is nothing in ``address``.
    """
    which = as_channel(channel)
    normal = normalise(which, address)
    if normal is None:
        raise InvalidInput("There is no address to suppress.", field="address")
    add_hash(conn, which, address_hash(key, which, normal), reason, origin, now)
    mark(conn, which, [normal], [customer_id] if customer_id is not None else [])


def add_hash(
    conn: Connection,
    channel: Channel | str | int,
    hashed: bytes,
    reason: SuppressionReason | str,
    origin: str,
    now: datetime,
) -> None:
    """Suppress an address of which only the hash is known."""
    add_hashes(conn, [(as_channel(channel), hashed, SuppressionReason(reason), origin, now)])


def add_hashes(
    conn: Connection,
    rows: Iterable[tuple[Channel, bytes, SuppressionReason, str, datetime]],
) -> None:
    """Suppress many hashes (channel, hash, reason, origin, instant) in one statement."""
    strongest: dict[tuple[Channel, bytes], tuple[SuppressionReason, str, datetime]] = {}
    ranks = list(SuppressionReason)
    for channel, hashed, reason, origin, at in rows:
        before = strongest.get((channel, hashed))
        if before is None or (-ranks.index(reason), at) < (-ranks.index(before[0]), before[2]):
            strongest[channel, hashed] = (reason, origin, at)
    if not strongest:
        return
    ordered = sorted(strongest.items())
    old, new = _RANK.format("suppression.reason"), _RANK.format("excluded.reason")
    conn.execute(
        text(f"""
            INSERT INTO suppression (channel, address_hash, reason, origin, at)
            SELECT * FROM unnest(CAST(:channels AS smallint[]), CAST(:hashes AS bytea[]),
                                 CAST(:reasons AS text[]), CAST(:origins AS text[]),
                                 CAST(:instants AS timestamptz[]))
            ON CONFLICT (channel, address_hash) DO UPDATE
            SET reason = excluded.reason, origin = excluded.origin, at = excluded.at
            WHERE {new} > {old} OR ({new} = {old} AND excluded.at < suppression.at)
        """),
        {
            "channels": [int(channel) for (channel, _), _ in ordered],
            "hashes": [hashed for (_, hashed), _ in ordered],
            "reasons": [str(reason) for _, (reason, _, _) in ordered],
            "origins": [origin for _, (_, origin, _) in ordered],
            "instants": [at for _, (_, _, at) in ordered],
        },
    )


def mark(
    conn: Connection,
    channel: Channel | str | int,
    addresses: Sequence[str],
    customer_ids: Sequence[int] = (),
    *,
    suppressed: bool = True,
) -> None:
    """Mirror a suppression on the customers who have one of ``addresses``, and on the given ones.

    A customer given by id is marked only while the address is still theirs.
    """
    which = as_channel(channel)
    flag, column = f"{which.label}_suppressed", COLUMN[which]
    found = {
        Channel.EMAIL: "lower(c.email) = ANY(:addresses)",
        Channel.SMS: "c.phone = ANY(:addresses)",
        Channel.PUSH: "c.id IN (SELECT customer_id FROM device WHERE token = ANY(:addresses))"
        " AND c.push_token = ANY(:addresses)",
    }[which]
    own = "lower(btrim(c.email))" if which is Channel.EMAIL else f"c.{column}"
    conn.execute(
        text(f"""
            UPDATE customer SET {flag} = :suppressed
            WHERE id IN (
                SELECT c.id FROM customer c WHERE {found}
                UNION
                SELECT c.id FROM customer c WHERE c.id = ANY(:ids) AND {own} = ANY(:addresses)
            ) AND {flag} IS DISTINCT FROM :suppressed
        """),
        {"addresses": list(addresses), "ids": list(customer_ids), "suppressed": suppressed},
    )


def remove(
    conn: Connection,
    key: bytes,
    channel: Channel | str | int,
    address: str,
    *,
    only: Iterable[SuppressionReason] = SuppressionReason,
) -> bool:
    """Lift the suppression of ``address`` if its reason is one of ``only``; True if there was one.

    A new yes lifts an ``unsubscribed``; a complaint or a hard bounce takes a person's decision.
    """
    which = as_channel(channel)
    normal = normalise(which, address)
    if normal is None:
        return False
    gone = conn.execute(
        text("""
            DELETE FROM suppression
            WHERE channel = :channel AND address_hash = :hash AND reason = ANY(:only)
        """),
        {
            "channel": int(which),
            "hash": address_hash(key, which, normal),
            "only": [str(reason) for reason in only],
        },
    )
    if not gone.rowcount:
        return False
    mark(conn, which, [normal], suppressed=False)
    return True


def among(
    conn: Connection, channel: Channel | str | int, hashes: Sequence[bytes]
) -> dict[bytes, Suppression]:
    """Which of ``hashes`` are suppressed on the channel, and why."""
    rows = conn.execute(
        text("""
            SELECT address_hash, reason, origin, at FROM suppression
            WHERE channel = :channel AND address_hash IN (
                SELECT decode(h, 'hex') FROM unnest(CAST(:hashes AS text[])) AS given(h))
        """),
        {"channel": int(as_channel(channel)), "hashes": literal([h.hex() for h in hashes])},
    )
    return {
        bytes(hashed): Suppression(SuppressionReason(reason), origin, at)
        for hashed, reason, origin, at in rows
    }


def remirror(conn: Connection, key: bytes, customer_ids: Sequence[int]) -> int:
    """Mark those of ``customer_ids`` whose address is already suppressed (after an import).

    Returns how many addresses were found suppressed.
    """
    found = 0
    for which in Channel:
        column = COLUMN[which]
        rows = conn.execute(
            text(f"""
                SELECT id, {column} FROM customer
                WHERE id = ANY(:ids) AND {column} IS NOT NULL AND NOT {which.label}_suppressed
            """),
            {"ids": list(customer_ids)},
        ).all()
        hashes = {address_hash(key, which, row[1]): (row[0], row[1]) for row in rows}
        bad = [hashes[hashed] for hashed in among(conn, which, list(hashes))]
        if bad:
            normal = [text_ for _, address in bad if (text_ := normalise(which, address))]
            mark(conn, which, normal, [customer for customer, _ in bad])
        found += len(bad)
    return found
