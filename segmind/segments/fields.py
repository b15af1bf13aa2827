"""The fields that a value can be compared in: of a customer, and of an event."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from segmind.segments.fault import did_you_mean, fault


class FieldType(StrEnum):
    """What a field holds, and so which operators it takes."""

    TEXT = "text"
    NUMBER = "number"
    MONEY = "money"  # integer minor units
    DAY = "day"  # a calendar day
    INSTANT = "instant"  # compared by its calendar day in the workspace's time zone
    FLAG = "flag"
    OPEN = "open"  # a custom trait or property: what it holds is known only when it is read


class Form(StrEnum):
    """How an open value is read out of its JSON: as its text, or as a number if it is one."""

    TEXT = "text"
    NUMBER = "number"


CUSTOMER_FIELDS: Final[Mapping[str, FieldType]] = {
    "country": FieldType.TEXT,
    "city": FieldType.TEXT,
    "language": FieldType.TEXT,
    "timezone": FieldType.TEXT,
    "birthday": FieldType.DAY,
    "first_name": FieldType.TEXT,
    "last_name": FieldType.TEXT,
    "email": FieldType.TEXT,
    "phone": FieldType.TEXT,
    "external_id": FieldType.TEXT,
    "created_at": FieldType.INSTANT,
    "is_anonymous": FieldType.FLAG,
}

EVENT_FIELDS: Final[Mapping[str, FieldType]] = {
    "product.category": FieldType.TEXT,
    "product.brand": FieldType.TEXT,
    "product.name": FieldType.TEXT,
    "product.external_id": FieldType.TEXT,
    "product.price": FieldType.MONEY,
    "value": FieldType.MONEY,
    "quantity": FieldType.NUMBER,
}

TRAITS: Final = "traits."
PROPERTIES: Final = "properties."
PRODUCT: Final = "product."
_LONGEST_NAME: Final = 100


def customer_field(name: str) -> FieldType:
    """The type of a customer's field or of a custom trait (``traits.x``).

    Raises (inside validation): there is no such field.
    """
    return _field(name, CUSTOMER_FIELDS, TRAITS)


def event_field(name: str) -> FieldType:
    """The type of an event's field or of a property (``properties.x``).

    Raises (inside validation): there is no such field.
    """
    return _field(name, EVENT_FIELDS, PROPERTIES)


def _field(name: str, known: Mapping[str, FieldType], custom: str) -> FieldType:
    if name.startswith(custom):
        own = name.removeprefix(custom)
        if own.strip() and len(own) <= _LONGEST_NAME and not set(own) & set("'\"\\"):
            return FieldType.OPEN
        raise fault(
            f"{name!r} is not a name that can be asked for.",
            f"After {custom!r} comes a name of at most {_LONGEST_NAME} characters without quotes.",
        )
    if name not in known:
        hint = did_you_mean(name, list(known))
        raise fault(f"There is no field {name!r}.", f"{hint} Custom ones begin with {custom!r}.")
    return known[name]
