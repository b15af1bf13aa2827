"""Cart recovery: reminding customers of the cart that they left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from segmind.automations.definition import Definition, InvalidDefinition, parse
from segmind.automations.part import ChannelName
from segmind.automations.recipes.recipe import Recipe

CART_RECOVERY = "cart_recovery"
#: The split of a cart recovery with a holdout.
HOLDOUT_STEP = "holdout"

#: What a recovery says unless it is told otherwise, by channel (drafts of the template language).
CART_CONTENTS: Mapping[str, Mapping[str, Any]] = {
    "email": {
        "channel": "email",
        "subject": "{{ first_name | default: 'Hello' }}, you left something in your cart",
        "preheader": "We kept it for you.",
        "blocks": [
            {"kind": "heading", "text": "Still thinking it over?"},
            {
                "kind": "text",
                "text": "Hi {{ first_name | default: 'there' }}, your cart is where you left it.",
            },
            {"kind": "products", "source": "cart", "heading": "In your cart"},
            {"kind": "text", "text": "Total: **{{ cart.total }}**"},
        ],
    },
    "sms": {
        "channel": "sms",
        "body": "{{ shop.name }}: your cart ({{ cart.total }}) is still waiting for you."
        " Reply STOP to opt out.",
    },
    "push": {
        "channel": "push",
        "title": "Your cart is waiting",
        "body": "{{ cart.count }} item(s), {{ cart.total }}. Pick up where you left off.",
    },
}


def cart_recovery(
    *,
    wait_minutes: int = 60,
    channels: Sequence[ChannelName] = ("email",),
    contents: Mapping[str, Mapping[str, Any]] | None = None,
    next_after_minutes: int = 22 * 60,
    cooldown_hours: int | None = None,
    valid_minutes: int = 720,
    holdout_percent: float = 0.0,
) -> Definition:
    """Remind customers of the cart that they left.

    A run begins with the first addition to a cart, one for each cart. ``wait_minutes`` after the
    last change of the cart, if something is still in it, the first of ``channels`` is used, each
    further one ``next_after_minutes`` later, always only where the customer may be reached by it.
    An order ends the run at every step.

    ``contents``: drafts by channel; a channel without one says CART_CONTENTS. ``cooldown_hours``:
    no second run within that time. ``valid_minutes``: a message later than that is not sent.
    ``holdout_percent``: so many of those with something in the cart are never reminded, so that the
    lift can be measured.

    Raises:
        InvalidDefinition: a value cannot be used; ``field`` names it.
    """
    if not channels or len(set(channels)) != len(channels):
        raise InvalidDefinition("Give each channel once, at least one.", field="channels")
    for field, minutes in (
        ("wait_minutes", wait_minutes),
        ("next_after_minutes", next_after_minutes),
    ):
        if not 1 <= minutes <= 30 * 24 * 60:
            raise InvalidDefinition("Give 1 minute to 30 days.", field=field)
    if not 0 <= holdout_percent <= 50:
        raise InvalidDefinition("Give 0 to 50 percent.", field="holdout_percent")
    texts = {**CART_CONTENTS, **(contents or {})}
    steps: list[dict[str, Any]] = []
    for n, channel in enumerate(channels):
        if channel not in CART_CONTENTS:
            raise InvalidDefinition(f"There is no channel {channel!r}.", field="channels")
        after = "end" if n == len(channels) - 1 else f"wait_{channels[n + 1]}"
        steps += _reminder(
            channel,
            texts[channel],
            minutes=wait_minutes if n == 0 else next_after_minutes,
            after=after,
            valid_minutes=valid_minutes,
        )
    if holdout_percent:
        steps.insert(2, _holdout(holdout_percent))  # once something is known to be in the cart
    again: dict[str, Any] = {"mode": "always"}
    if cooldown_hours is not None:
        again = {"mode": "after", "hours": cooldown_hours}
    return parse(
        {
            "recipe": CART_RECOVERY,
            "trigger": {"event": "product_added"},
            "key": "cart",
            "re_entry": again,
            "steps": steps,
            "goal": {"event": "order_completed", "name": "Ordered"},
        }
    )


def _holdout(percent: float) -> dict[str, Any]:
    return {
        "kind": "split",
        "id": HOLDOUT_STEP,
        "branches": [
            {"name": "reminded", "percent": 100 - percent},
            {"name": "held out", "percent": percent, "holdout": True},
        ],
    }


def _reminder(
    channel: str, content: Mapping[str, Any], *, minutes: int, after: str, valid_minutes: int
) -> list[dict[str, Any]]:
    """Wait, look into the cart, ask for consent, send. Without consent it goes on to ``after``."""
    return [
        {
            "kind": "wait",
            "id": f"wait_{channel}",
            "seconds": minutes * 60,
            "restart_on": ["product_added", "product_removed"],
        },
        {"kind": "condition", "id": f"cart_{channel}", "rule": IN_CART, "no": "end"},
        {
            "kind": "condition",
            "id": f"consent_{channel}",
            "rule": {"type": "reachable", "channel": channel},
            "no": after,
        },
        {
            "kind": "send",
            "id": f"send_{channel}",
            "channel": channel,
            "content": dict(content),
            "valid_minutes": valid_minutes,
            "next": after,
        },
    ]


#: Something lies in the cart, put there within the last week, and no order came since.
IN_CART: Mapping[str, Any] = {
    "type": "cart",
    "newest": {"amount": 0, "unit": "minutes"},
    "oldest": {"amount": 7, "unit": "days"},
}

RECIPES = (
    Recipe(
        CART_RECOVERY,
        "Cart recovery",
        "An hour after a cart was left an e-mail, 22 hours later an SMS where they agreed to it;"
        " an order ends it.",
        "shopping_cart_checkout",
        lambda _: cart_recovery(channels=("email", "sms")),
    ),
)
