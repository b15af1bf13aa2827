"""What a template can name: the catalogue for the composer's chips, and the values at send."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from segmind.workspace.product_settings import ProductSettings


@dataclass(frozen=True, slots=True)
class Variable:
    """A name with what it stands for. ``example`` is what a preview shows."""

    name: str
    meaning: str
    example: object

    @property
    def written(self) -> str:
        """The variable as it is put into a text."""
        return f"{{{{ {self.name} }}}}"


#: Fields of a customer: each also by its bare name, ``{{ first_name }}``.
CUSTOMER_FIELDS: Final = (
    Variable("customer.first_name", "First name", "Ada"),
    Variable("customer.last_name", "Last name", "Lovelace"),
    Variable("customer.email", "E-mail address", "ada@example.com"),
    Variable("customer.phone", "Phone number", "+15005550006"),
    Variable("customer.country", "Country (two letters)", "GB"),
    Variable("customer.city", "City", "London"),
    Variable("customer.language", "Language", "en"),
    Variable("customer.timezone", "Time zone", "Europe/London"),
    Variable("customer.birthday", "Birthday", "1990-12-10"),
    Variable("customer.external_id", "The shop's own id of the customer", "c-1042"),
)
SHOP_FIELDS: Final = (
    Variable("shop.name", "The shop's name", "Demo Shop"),
    Variable("shop.url", "The shop's address", "https://shop.example.com"),
    Variable("shop.postal_address", "The shop's postal address", "1 High Street, London"),
    Variable("shop.currency", "The shop's currency", "EUR"),
)
CART_FIELDS: Final = (
    Variable("cart.items", "Products left in the cart: name, quantity, price, url, image", ()),
    Variable("cart.count", "Number of products in the cart", 2),
    Variable("cart.total", "Value of the cart", "64.90 EUR"),
    Variable("cart.url", "Link back to the cart", "https://shop.example.com/cart"),
)
ORDER_FIELDS: Final = (
    Variable("order.id", "The order's number", "10042"),
    Variable("order.items", "Products ordered: name, quantity, price, url, image", ()),
    Variable("order.total", "Value of the order", "64.90 EUR"),
)
SUGGESTED_FIELDS: Final = (
    Variable("suggested.items", "Products that go with the order: name, price, url, image", ()),
)
OTHER_FIELDS: Final = (
    Variable("unsubscribe_url", "Link to unsubscribe", "https://example.com/u/sample"),
)
CATALOGUE: Final = (
    *CUSTOMER_FIELDS,
    *SHOP_FIELDS,
    *CART_FIELDS,
    *ORDER_FIELDS,
    *SUGGESTED_FIELDS,
    *OTHER_FIELDS,
)

#: Every name that a check accepts; ``x.*`` accepts anything below ``x``.
KNOWN: Final = frozenset(
    {v.name for v in CATALOGUE}
    | {v.name.removeprefix("customer.") for v in CUSTOMER_FIELDS}
    | {"customer.traits.*", "customer.id", "traits.*"}
    | {f"{source}.items.*" for source in ("cart", "order", "suggested")}
)

_ITEMS: Final = (
    {
        "name": "Walnut desk lamp",
        "quantity": 1,
        "price": "39.90 EUR",
        "url": "https://shop.example.com/p/lamp",
        "image": "",
    },
    {
        "name": "Linen notebook",
        "quantity": 2,
        "price": "12.50 EUR",
        "url": "https://shop.example.com/p/notebook",
        "image": "",
    },
)


def context(
    *,
    customer: Mapping[str, Any] | None = None,
    shop: Mapping[str, Any] | None = None,
    cart: Mapping[str, Any] | None = None,
    order: Mapping[str, Any] | None = None,
    values: Mapping[str, Any] | None = None,
) -> dict[str, object]:
    """The values for one rendering, as plain data.

    The customer's fields stand behind ``customer.`` and by their bare names; ``values`` (the
    caller's own variables) go over everything else.
    """
    who = plain(customer or {})
    out: dict[str, object] = {**who, "customer": who, "shop": plain(shop or {})}
    out["cart"] = plain(cart) if cart else {"items": [], "count": 0}
    if order:
        out["order"] = plain(order)
    out.update(plain(values or {}))
    return out


def shop_of(settings: ProductSettings, url: str | None = None) -> dict[str, object]:
    """What is said behind ``shop.``; ``url`` stands where the settings name no public address."""
    return {
        "name": settings.shop_name,
        "url": settings.public_url or url or "",
        "postal_address": settings.postal_address,
        "currency": settings.currency,
    }


def with_customer(base: Mapping[str, object], customer: Mapping[str, Any]) -> dict[str, object]:
    """``base`` (a ``context`` without a customer) with one who is plain data already, as a row of
    the database is: what ``context`` would give for both, at a fraction of its cost. The shop and
    whatever else is shared stay the same objects."""
    return {**customer, **base, "customer": customer}


def sample_context(values: Mapping[str, Any] | None = None) -> dict[str, object]:
    """Values for a preview: a customer, a shop and a cart that exist nowhere."""

    def of(fields: Sequence[Variable]) -> dict[str, object]:
        return {v.name.partition(".")[2]: v.example for v in fields}

    customer = {**of(CUSTOMER_FIELDS), "id": 1042, "traits": {}}
    cart = {**of(CART_FIELDS), "items": [dict(item) for item in _ITEMS]}
    order = {**of(ORDER_FIELDS), "items": [dict(item) for item in _ITEMS]}
    others = {"suggested": {"items": [dict(item) for item in _ITEMS]}, **(values or {})}
    return context(customer=customer, shop=of(SHOP_FIELDS), cart=cart, order=order, values=others)


def plain(data: Mapping[str, Any]) -> dict[str, object]:
    """Only texts, numbers, booleans, dates, lists and mappings, all the way down: a template can
    reach nothing else."""
    return {str(key): _plain(value) for key, value in data.items()}


_ATOMS: Final = frozenset({type(None), str, int, float, bool, datetime, date})


def _plain(value: object) -> object:
    if type(value) in _ATOMS:  # nearly every value, and twenty times as quick as asking its bases
        return value
    if value is None or isinstance(value, str | int | float | bool | datetime | date):
        return value
    if isinstance(value, Mapping):
        return plain(value)
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [_plain(item) for item in value]
    return str(value)
