"""Recipes for those who bought: thank-you and cross-sell, replenishment, win-back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from segmind.automations.definition import Definition, parse
from segmind.automations.recipes.parts import (
    DAY,
    ORDERED,
    ask,
    heading,
    mail,
    products,
    reachable,
    send,
    sms,
    text,
    wait,
)
from segmind.automations.recipes.recipe import Recipe

_THANKS = mail(
    "How is your order?",
    "And thank you.",
    heading("Thank you, {{ first_name | default: 'and enjoy' }}"),
    text("By now your order should have arrived. We hope that it is all you wanted."),
    products("order", "You ordered"),
    text("Anything wrong? Answer this e-mail, and we put it right."),
)
_GOES_WITH = mail(
    "Goes well with what you bought",
    "Chosen by what others took along.",
    heading("Goes well together"),
    text("Customers who bought what you did also took these along."),
    products("suggested", "You may like"),
)


def post_purchase(_: Mapping[str, int]) -> Definition:
    """A thank-you after three days; a week later what others bought with it."""
    return parse(
        {
            "recipe": "post_purchase",
            "trigger": {"kind": "event", "event": "order"},
            "entry_filter": reachable("email"),
            "key": "order",
            "re_entry": {"mode": "after", "hours": 14 * 24},
            "steps": [
                wait("arrive", 3 * DAY),
                send("thank_you", _THANKS),
                wait("week", 7 * DAY),
                send("cross_sell", _GOES_WITH),
            ],
            "goal": {**ORDERED, "name": "Ordered again"},
        }
    )


def replenishment(_: Mapping[str, int]) -> Definition:
    """Shortly before a customer usually orders again."""
    return parse(
        {
            "recipe": "replenishment",
            "trigger": {"kind": "event", "event": "order"},
            "entry_filter": reachable("email", "sms"),
            "key": "order",
            "steps": [
                {
                    "kind": "wait_rhythm",
                    "id": "rhythm",
                    "event": "order",
                    "percent": 90,
                    "least": 3,
                    "min_days": 5,
                    "max_days": 180,
                },
                {"kind": "wait_until", "id": "morning", "at": "10:00"},
                send("remind", _AGAIN, sms("time for your next order? We keep it ready for you.")),
            ],
            "goal": {**ORDERED, "name": "Ordered again"},
        }
    )


_AGAIN = mail(
    "{{ first_name | default: 'Hello' }}, time for more?",
    "You usually order about now.",
    heading("Running low?"),
    text(
        "Hi {{ first_name | default: 'there' }}, you usually order about now. Here is what you"
        " took last time."
    ),
    products("order", "Last time you ordered"),
)


def win_back(_: Mapping[str, int]) -> Definition:
    """60 days after the last order, and once more at 90."""
    return parse(
        {
            "recipe": "win_back",
            "trigger": {"kind": "schedule", "every": "day", "at": "10:00"},
            "entry_filter": {
                "type": "all",
                "conditions": [
                    _last_order("more_than", 60),
                    # A week, not a day: whoever was missed while it was off is found later.
                    _last_order("within", 67),
                    reachable("email", "sms"),
                ],
            },
            "key": "customer",
            "re_entry": {"mode": "after", "hours": 60 * 24},
            "steps": [
                send("at_60_days", _MISSED, sms("we have not seen you for a while. All well?")),
                wait("thirty_days", 30 * DAY),
                ask("still_gone", _last_order("more_than", 80)),
                send("at_90_days", _LAST_TRY, sms("shall we stay in touch? We would like to.")),
            ],
            "goal": {**ORDERED, "name": "Came back"},
        }
    )


def _last_order(op: str, days: int) -> dict[str, Any]:
    return {
        "type": "recency",
        "event": "order",
        "op": op,
        "ago": {"amount": days, "unit": "days"},
    }


_MISSED = mail(
    "{{ first_name | default: 'Hello' }}, it has been a while",
    "What is new since your last order.",
    heading("It has been a while"),
    text(
        "Hi {{ first_name | default: 'there' }}, two months have passed since your last order."
        " A lot is new at {{ shop.name }}: have a look."
    ),
)
_LAST_TRY = mail(
    "Shall we stay in touch?",
    "You decide.",
    heading("Shall we stay in touch?"),
    text(
        "Hi {{ first_name | default: 'there' }}, we write to people who want to hear from us. If"
        " you do, come by. If not, one click below is enough, and no hard feelings."
    ),
)

RECIPES: Final = (
    Recipe(
        "post_purchase",
        "Thank-you and cross-sell",
        "Three days after an order a thank-you, a week later what others bought with it.",
        "volunteer_activism",
        post_purchase,
    ),
    Recipe(
        "replenishment",
        "Replenishment",
        "Shortly before a customer usually orders again, by their own rhythm.",
        "autorenew",
        replenishment,
    ),
    Recipe(
        "win_back",
        "Win-back",
        "60 days after the last order, and once more at 90; whoever orders leaves.",
        "undo",
        win_back,
    ),
)
