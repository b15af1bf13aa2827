"""What the rule language's names are called in the builder."""

from __future__ import annotations

from typing import Final

from segmind.segments.fields import FieldType

OPERATORS: Final = {
    "is": "is",
    "is_not": "is not",
    "any_of": "is one of",
    "none_of": "is none of",
    "contains": "contains",
    "contains_not": "does not contain",
    "starts_with": "starts with",
    "ends_with": "ends with",
    "greater": "is more than",
    "at_least": "is at least",
    "less": "is less than",
    "at_most": "is at most",
    "between": "is between",
    "before": "is before",
    "after": "is after",
    "in_last_days": "is in the last",
    "more_than_days_ago": "is more than",
    "in_next_days": "is in the next",
    "anniversary_in_days": "comes round in",
    "in_month": "is in the month of",
    "is_set": "is known",
    "is_not_set": "is not known",
}
COUNTS: Final = {
    "at_least": "at least",
    "at_most": "at most",
    "exactly": "exactly",
    "more_than": "more than",
    "less_than": "less than",
    "between": "between",
}
FIELDS: Final = {
    "country": "country",
    "city": "city",
    "language": "language",
    "timezone": "time zone",
    "birthday": "birthday",
    "first_name": "first name",
    "last_name": "last name",
    "email": "e-mail address",
    "phone": "phone number",
    "external_id": "customer id",
    "created_at": "first seen",
    "is_anonymous": "is anonymous",
    "product.category": "product category",
    "product.brand": "product brand",
    "product.name": "product name",
    "product.external_id": "product id",
    "product.price": "product price",
    "value": "value",
    "quantity": "quantity",
}
MONTHS: Final = (
    "January February March April May June July August September October November December"
).split()
#: An operator to begin with, by what the field holds.
FIRST_OPERATOR: Final = {
    FieldType.TEXT: "is",
    FieldType.NUMBER: "at_least",
    FieldType.MONEY: "at_least",
    FieldType.DAY: "in_last_days",
    FieldType.INSTANT: "in_last_days",
    FieldType.FLAG: "is",
    FieldType.OPEN: "is",
}


def field_label(name: str) -> str:
    """A field's name on screen; a custom one by its own name."""
    known = FIELDS.get(name)
    return known or name.removeprefix("traits.").removeprefix("properties.").replace("_", " ")
