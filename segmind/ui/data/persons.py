"""Who a message is previewed as: real customers of its segment, and the two worst cases."""

from __future__ import annotations

from dataclasses import dataclass

from segmind.errors import SegmindError
from segmind.templates import variables
from segmind.ui import figures
from segmind.ui.data import customers, segments, workspace


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody to preview as: what they are called in the list, and their values."""

    label: str
    context: dict[str, object]


def persons(segment_id: int | None, most: int = 8) -> list[Person]:
    """Members of the segment, then somebody of whom nothing is known, then the longest name.

    The cart and the order are samples: campaigns have neither.
    """
    found = [_of_customer(each) for each in _members(segment_id)[:most]]
    return [*found, _nobody(), _longest()]


def _members(segment_id: int | None) -> list[int]:
    if segment_id is None:
        return []
    try:
        rule = segments.get(segment_id).rule.as_json()
        return segments.preview(rule).preview.sample
    except SegmindError:
        return []


def _of_customer(customer_id: int) -> Person:
    profile = customers.read(customer_id)
    row = profile.customer
    fields: dict[str, object] = {
        "id": row.id,
        "external_id": row.external_id,
        "first_name": row.first_name,
        "last_name": row.last_name,
        "email": row.email,
        "phone": row.phone,
        "country": row.country,
        "city": row.city,
        "language": profile.language,
        "timezone": profile.timezone,
        "birthday": profile.birthday,
        "traits": dict(profile.traits),
    }
    name = figures.mask_name(row.first_name, row.last_name)
    return Person(f"{name} · {row.country or 'country unknown'}", _context(fields))


def _nobody() -> Person:
    return Person("Worst case: nothing is known", _context({"traits": {}}))


def _longest() -> Person:
    names = {"first_name": "Maximiliana-Alexandrina", "last_name": "Featherstonehaugh-Cholmondeley"}
    return Person("Worst case: the longest name", _context({**names, "traits": {}}))


def _context(customer: dict[str, object]) -> dict[str, object]:
    settings = workspace.settings()
    sample = variables.sample_context()
    shop = variables.shop_of(settings, url="https://shop.example.com")
    cart, order = sample["cart"], sample["order"]
    assert isinstance(cart, dict)
    assert isinstance(order, dict)
    return variables.context(customer=customer, shop=shop, cart=cart, order=order)
