"""What a track or page call says, as rows of the log: Segment's e-commerce names become ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

import msgspec

from segmind.customers import amounts
from segmind.customers.calls import Call, InvalidCall
from segmind.events import ingest, public_names
from segmind.events.products import Product

MAX_LINES: Final = 1_000
_LONGEST: Final = 500


class Draft(msgspec.Struct, frozen=True, gc=False):
    """A row of the log before product and customer are ours. ``line``: its number in an order."""

    name: str
    product: Product | None = None
    quantity: int | None = None
    value: int | None = None
    currency: str | None = None
    order_id: str | None = None
    session_id: str | None = None
    line: int | None = None
    properties: str | None = None  # JSON as the log keeps it


def drafts_of(call: Call, workspace_currency: str) -> list[Draft]:
    """The rows that a call becomes; none for identify.

    Raises:
        InvalidInput: with ``field`` naming what is wrong.
    """
    if call.type == "identify":
        return []
    if call.event is None:
        return [_page(call, workspace_currency)]
    name = canonical(call.event)
    reader = _READERS.get(name, _custom)
    return reader(name, _Properties(call, workspace_currency))


#: Names come again and again; one that cannot be a name raises, which is not remembered.
canonical: Final = lru_cache(maxsize=4_096)(public_names.canonical)


class _Properties:
    """A call's properties: each known one is read once, the rest is kept as it is."""

    def __init__(self, call: Call, workspace_currency: str) -> None:
        self.given = call.properties
        self.rest = dict(call.properties)
        self._workspace_currency = workspace_currency
        context = call.context
        session = self._take("session_id") or context.get("sessionId") or context.get("session_id")
        self.session_id = _text(session, "properties", "session_id")
        self.order_id = _text(self._take("order_id", "orderId"), "properties", "order_id")

    @property
    def currency(self) -> str:
        """Asked for only where there is money, so that nothing else fails on it."""
        self.rest.pop("currency", None)
        given = self.given.get("currency")
        return amounts.currency(given, self._workspace_currency, "properties.currency")

    def _take(self, *names: str) -> Any:
        for name in names:
            value = self.rest.pop(name, None)
            if value is not None:
                return value
        return None

    def money(self, *names: str) -> int | None:
        """The first of these amounts that is given, in minor units."""
        for name in names:
            if self.given.get(name) is not None:
                self.rest.pop(name, None)
                amount = amounts.amount(self.given[name], f"properties.{name}")
                return amounts.minor(amount, self.currency)
        return None

    def line(self) -> _Line:
        """Product, price and quantity of an event about one product."""
        line = _line(self.given, "properties", lambda: self.currency)
        for name in ("product_id", "productId", "sku", "name", "brand", "category", "quantity"):
            self.rest.pop(name, None)
        return line

    def lines(self) -> list[_Line]:
        """The products of an order."""
        products = self._take("products")
        if products is None:
            return []
        if not isinstance(products, list):
            raise InvalidCall("products is a list.", field="properties.products")
        if len(products) > MAX_LINES:
            raise InvalidCall(f"More than {MAX_LINES} lines.", field="properties.products")
        read = []
        for i, product in enumerate(products):
            where = f"properties.products[{i}]"
            if not isinstance(product, Mapping):
                raise InvalidCall("A product is a JSON object.", field=where)
            read.append(_line(product, where, lambda: self.currency))
        return read

    def draft(self, name: str, **columns: Any) -> Draft:
        return Draft(
            name=name,
            currency=self.currency if columns.get("value") is not None else None,
            order_id=self.order_id,
            session_id=self.session_id,
            properties=ingest.as_json(self.rest),
            **columns,
        )


class _Line(msgspec.Struct, frozen=True, gc=False):
    product: Product | None
    price: Decimal | None
    quantity: int

    @property
    def total(self) -> Decimal | None:
        return None if self.price is None else self.price * self.quantity


def _line(given: Mapping[str, Any], where: str, currency: Callable[[], str]) -> _Line:
    price = given.get("price")
    exact = None if price is None else amounts.amount(price, f"{where}.price")
    return _Line(
        product=_product(given, where, None if exact is None else amounts.minor(exact, currency())),
        price=exact,
        quantity=amounts.quantity(given.get("quantity"), f"{where}.quantity"),
    )


def _product(given: Mapping[str, Any], where: str, price: int | None) -> Product | None:
    for key in ("product_id", "productId", "sku"):
        external_id = _text(given.get(key), where, key)
        if external_id is not None:
            return Product(
                external_id,
                _text(given.get("name"), where, "name"),
                _text(given.get("category"), where, "category"),
                _text(given.get("brand"), where, "brand"),
                price,
            )
    return None


def _text(value: Any, where: str, name: str) -> str | None:
    if value is None or value == "":
        return None
    if type(value) is str and len(value) <= _LONGEST and "\x00" not in value:
        return value.strip() or None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise InvalidCall("This is no text.", field=f"{where}.{name}")
    written = str(value).strip()
    if len(written) > _LONGEST or "\x00" in written:
        message = f"This is longer than {_LONGEST} characters or holds a NUL."
        raise InvalidCall(message, field=f"{where}.{name}")
    return written or None


def _viewed(name: str, given: _Properties) -> list[Draft]:
    line = given.line()
    value = None if line.price is None else amounts.minor(line.price, given.currency)
    return [given.draft(name, product=line.product, value=value)]


def _in_cart(name: str, given: _Properties) -> list[Draft]:
    line = given.line()
    value = None if line.total is None else amounts.minor(line.total, given.currency)
    return [given.draft(name, product=line.product, quantity=line.quantity, value=value)]


def _checkout(name: str, given: _Properties) -> list[Draft]:
    return [given.draft(name, value=given.money("revenue", "value", "total"))]


def _order(name: str, given: _Properties) -> list[Draft]:
    """Order lines; ``revenue`` is shared out over them, so that the order is worth exactly it."""
    lines = given.lines()
    if lines:
        values = _line_values(lines, given)
        return [
            given.draft(name, product=x.product, quantity=x.quantity, value=value, line=i)
            for i, (x, value) in enumerate(zip(lines, values, strict=True))
        ]
    value = given.money("revenue", "total", "value")
    if value is None:
        raise InvalidCall(
            "The amount is missing: give revenue, or products with prices.",
            field="properties.revenue",
        )
    return [given.draft(name, value=value)]


def _line_values(lines: list[_Line], given: _Properties) -> list[int]:
    totals = [x.total for x in lines]
    revenue = given.money("revenue")
    known = [t for t in totals if t is not None]
    if revenue is None and len(known) < len(lines):
        missing = totals.index(None)
        raise InvalidCall("The price is missing.", field=f"properties.products[{missing}].price")
    if revenue is None:
        return [amounts.minor(t, given.currency) for t in known]
    priced = [amounts.minor(t, given.currency) for t in known]
    if len(known) == len(lines) and sum(priced) == revenue:
        return priced
    weights = known if len(known) == len(lines) else [Decimal(x.quantity) for x in lines]
    return amounts.shared_out(revenue, weights)


def _custom(name: str, given: _Properties) -> list[Draft]:
    """A custom event keeps its properties; ``revenue`` is also its value."""
    value = given.money("revenue")
    product = _product(given.given, "properties", None)
    return [given.draft(name, product=product, value=value)]


def _page(call: Call, workspace_currency: str) -> Draft:
    given = _Properties(call, workspace_currency)
    return given.draft("page_viewed")


_READERS: Final[dict[str, Callable[[str, _Properties], list[Draft]]]] = {
    "product_viewed": _viewed,
    "product_added": _in_cart,
    "product_removed": _in_cart,
    "checkout_started": _checkout,
    "order_completed": _order,
    "order_refunded": _order,
}
