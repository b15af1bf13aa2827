"""Finding customers: one by id, some by what somebody remembers of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, text

from segmind.customers import identity, merging
from segmind.customers.identity import Namespace
from segmind.errors import NotFound

MAX_PAGE: Final = 500
#: Counting what matches a search stops here.
MAX_COUNT: Final = 10_000

_COLUMNS: Final = (
    "c.id, c.external_id, c.first_name, c.last_name, c.email, c.phone, c.country, c.city, "
    "c.is_anonymous, c.created_at"
)
#: Erased and merged-away customers are no customers any more.
_PRESENT: Final = (
    "c.erased_at IS NULL AND NOT EXISTS (SELECT FROM customer_merge m WHERE m.from_id = c.id)"
)


class CustomerNotFound(NotFound):
    """There is no customer {key}."""

    code = "customer_not_found"


@dataclass(frozen=True, slots=True)
class CustomerRow:
    """A customer as lists show it."""

    id: int
    external_id: str | None
    first_name: str | None
    last_name: str | None
    email: str | None
    phone: str | None
    country: str | None
    city: str | None
    is_anonymous: bool
    created_at: datetime

    @property
    def name(self) -> str:
        """The person's name, else an address or id that tells who it is."""
        name = " ".join(part for part in (self.first_name, self.last_name) if part)
        return name or self.email or self.phone or self.external_id or f"Customer {self.id}"


@dataclass(frozen=True, slots=True)
class Page:
    """Customers, newest first. ``next`` is the ``before`` of the following page; None: the last."""

    customers: tuple[CustomerRow, ...]
    next: int | None


def get(conn: Connection, customer_id: int) -> CustomerRow:
    """The customer with this internal id; of a merged one, who he is part of.

    Raises:
        CustomerNotFound: nobody has it, or he was erased.
    """
    current = merging.current_id(conn, customer_id)
    row = conn.execute(
        text(f"SELECT {_COLUMNS} FROM customer c WHERE c.id = :id AND c.erased_at IS NULL"),
        {"id": current},
    ).first()
    if row is None:
        raise CustomerNotFound(key=str(customer_id))
    return CustomerRow(*row)


def get_external(conn: Connection, external_id: str, namespace: Namespace = "user") -> CustomerRow:
    """The customer with this external id.

    Raises:
        CustomerNotFound: nobody has it.
    """
    customer_id = identity.find(conn, namespace, external_id)
    if customer_id is None:
        raise CustomerNotFound(key=external_id[:100])
    return get(conn, customer_id)


def get_many(conn: Connection, customer_ids: list[int]) -> dict[int, CustomerRow]:
    """The customers with these internal ids, by id; unknown and erased ones are missing."""
    rows = conn.execute(
        text(f"SELECT {_COLUMNS} FROM customer c WHERE c.id = ANY(:ids) AND c.erased_at IS NULL"),
        {"ids": customer_ids},
    )
    return {row.id: CustomerRow(*row) for row in rows}


def written_to(conn: Connection, customer_ids: Sequence[int]) -> list[dict[str, Any]]:
    """What messages may say of these customers, by ascending id: templates' names and the traits.
    Who is not there is left out."""
    rows = conn.execute(
        text(
            "SELECT id, external_id, first_name, last_name, email, phone, country, city, language,"
            " timezone, birthday, traits FROM customer WHERE id = ANY(:ids) ORDER BY id"
        ),
        {"ids": list(customer_ids)},
    ).mappings()
    return [dict(row) for row in rows]


def search(
    conn: Connection,
    query: str = "",
    *,
    before: int | None = None,
    limit: int = 25,
    anonymous: bool = True,
) -> Page:
    """Customers whose name, e-mail, phone or external id starts with ``query`` (any case).

    An empty query gives everybody. Two words also match first and last name, in either order. Pages
    by internal id, newest first; ``before`` is the last page's ``next``.
    """
    limit = max(1, min(limit, MAX_PAGE))
    where, values = _matching(query, anonymous)
    rows = conn.execute(
        text(
            f"SELECT {_COLUMNS} FROM customer c WHERE {where} AND {_PRESENT} "
            "AND (CAST(:before AS bigint) IS NULL OR c.id < :before) "
            "ORDER BY c.id DESC LIMIT :limit"
        ),
        {**values, "before": before, "limit": limit + 1},
    ).all()
    customers = tuple(CustomerRow(*row) for row in rows[:limit])
    return Page(customers, customers[-1].id if len(rows) > limit else None)


def count(conn: Connection, query: str = "", *, anonymous: bool = True) -> int:
    """How many customers a search finds; with a query, counting stops at 10,000."""
    where, values = _matching(query, anonymous)
    statement = f"SELECT 1 FROM customer c WHERE {where} AND {_PRESENT}"
    if query.strip():
        statement += f" LIMIT {MAX_COUNT}"
    found = conn.execute(text(f"SELECT count(*) FROM ({statement}) found"), values)
    return int(found.scalar_one())


def _matching(query: str, anonymous: bool) -> tuple[str, dict[str, Any]]:
    named = "true" if anonymous else "NOT c.is_anonymous"
    sought = query.replace("\x00", "").strip()
    if not sought:
        return named, {}
    ways = [
        "lower(c.first_name) LIKE :lowered",
        "lower(c.last_name) LIKE :lowered",
        "lower(c.email) LIKE :lowered",
        "c.external_id LIKE :written",
    ]
    values: dict[str, Any] = {
        "lowered": _prefix(sought.lower()),
        "written": _prefix(sought),
    }
    number = re.sub(r"[\s().\-/]", "", sought)
    if re.fullmatch(r"\+?\d{3,15}", number):
        ways.append("c.phone LIKE :phone")
        values["phone"] = _prefix(number if number.startswith("+") else f"+{number}")
    words = sought.lower().split()
    if len(words) > 1:
        ways.append("(lower(c.first_name) LIKE :one AND lower(c.last_name) LIKE :two)")
        ways.append("(lower(c.first_name) LIKE :two AND lower(c.last_name) LIKE :one)")
        values |= {"one": _prefix(words[0]), "two": _prefix(words[-1])}
    return f"{named} AND ({' OR '.join(ways)})", values


def _prefix(written: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", written) + "%"
