"""The customers of a whole batch of calls: ``identity.resolve`` for many pairs, set by set."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from sqlalchemy import Connection, text

from segmind.customers import identity, known_ids, merging
from segmind.customers.identity import Namespace
from segmind.customers.known_ids import Ids
from segmind.db.literals import literal

#: A user id and a browser's id; at least one of them is there.
Pair = tuple[str | None, str | None]


def customers_of(conn: Connection, pairs: Collection[Pair]) -> dict[Pair, int]:
    """The customer of every pair of checked ids; creates, attaches and merges as needed.

    What is usual (somebody known, somebody new, a known one's new browser) goes set by set;
    whatever makes one customer of two goes to ``identity.resolve``. All writers go the same way:
    users, then browsers, each sorted, so that two batches hardly ever wait for each other in a
    circle.
    """
    users, browsers = known_ids.find(
        conn, {u for u, _ in pairs if u is not None}, {a for _, a in pairs if a is not None}
    )
    found = _settled(pairs, users, browsers)
    if len(found) == len(pairs):
        return found
    rest = sorted((p for p in pairs if p not in found), key=_order)
    _create_users(conn, rest, users, browsers)
    _create_browsers(conn, rest, users, browsers)
    found |= _settled(rest, users, browsers)
    if len(found) == len(pairs):
        return found
    for pair in rest:
        if pair not in found:
            found[pair] = identity.resolve(conn, *pair)
    # A later pair may have merged an earlier one's customer.
    final = merging.current_ids(conn, list(found.values()))
    return {pair: final.get(customer, customer) for pair, customer in found.items()}


def _order(pair: Pair) -> tuple[str, str]:
    return pair[0] or "", pair[1] or ""


def _settled(pairs: Iterable[Pair], users: Ids, browsers: Ids) -> dict[Pair, int]:
    """The pairs of which nothing is left to do, with their customers."""
    found: dict[Pair, int] = {}
    for user, anonymous in pairs:
        if user is None:
            customer = browsers.get(anonymous or "")
        else:
            customer = users.get(user)
            if anonymous is not None and customer != browsers.get(anonymous):
                continue
        if customer is not None:
            found[user, anonymous] = customer
    return found


def _create_users(conn: Connection, pairs: list[Pair], users: Ids, browsers: Ids) -> None:
    """Customers for new user ids, but for those that name somebody whose browser is known."""
    naming = {u for u, a in pairs if a is not None and a in browsers}
    new = {u for u, _ in pairs if u is not None and u not in users and u not in naming}
    if new:
        users |= _create(conn, "user", new)


def _create_browsers(conn: Connection, pairs: list[Pair], users: Ids, browsers: Ids) -> None:
    """New browsers: of the first user who comes with one, else of a new anonymous customer."""
    owners: Ids = {}
    unclear: set[str] = set()
    alone: set[str] = set()
    for user, anonymous in pairs:
        if anonymous is None or anonymous in browsers:
            continue
        if user is None:
            alone.add(anonymous)
        elif user in users:
            owners.setdefault(anonymous, users[user])
        else:
            unclear.add(anonymous)
    for anonymous in unclear:
        owners.pop(anonymous, None)
    if owners:
        browsers |= _attach(conn, owners)
    if new := alone - owners.keys() - unclear:
        browsers |= _create(conn, "anonymous", new)


def _create(conn: Connection, namespace: Namespace, external_ids: set[str]) -> Ids:
    values = {"namespace": namespace, "ids": literal(sorted(external_ids))}
    return {row[0]: int(row[1]) for row in conn.execute(_CREATE, values)}


def _attach(conn: Connection, owners: Ids) -> Ids:
    ids = sorted(owners)
    values = {"ids": literal(ids), "customers": literal([owners[i] for i in ids])}
    return {row[0]: int(row[1]) for row in conn.execute(_ATTACH, values)}


#: Ids that somebody else takes at the same moment are not among the answers. A customer's number is
#: drawn only for ids that are not there: the numbers stay dense.
_CREATE: Final = text(
    """
    WITH missing AS (
      SELECT external_id FROM unnest(CAST(:ids AS text[])) AS w (external_id)
      WHERE NOT EXISTS (
        SELECT FROM identity i
        WHERE i.namespace = :namespace AND i.external_id = w.external_id)
      ORDER BY external_id
    ), claimed AS (
      INSERT INTO identity (namespace, external_id, customer_id)
      SELECT :namespace, external_id, nextval('customer_id_seq') FROM missing
      ON CONFLICT DO NOTHING
      RETURNING external_id, customer_id
    ), made AS (
      INSERT INTO customer (id, external_id, is_anonymous)
      SELECT customer_id, external_id, :namespace = 'anonymous' FROM claimed
    )
    SELECT external_id, customer_id FROM claimed
    """
)
_ATTACH: Final = text(
    """
    INSERT INTO identity (namespace, external_id, customer_id)
    SELECT 'anonymous', external_id, customer_id
    FROM unnest(CAST(:ids AS text[]), CAST(:customers AS bigint[])) AS w (external_id, customer_id)
    ON CONFLICT DO NOTHING
    RETURNING external_id, customer_id
    """
)
