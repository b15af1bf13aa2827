"""Recipes for moments in a customer's life with the shop: at risk, birthday, VIP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from segmind.automations.definition import Definition, parse
from segmind.automations.recipes.parts import (
    DAY,
    HOUR,
    ORDERED,
    heading,
    mail,
    push,
    reachable,
    send,
    sms,
    text,
)
from segmind.automations.recipes.recipe import Need, Recipe

AT_RISK: Final = "At risk"
HIGH_VALUE: Final = "High value"


def at_risk_save(segments: Mapping[str, int]) -> Definition:
    """When somebody comes less than before; on another channel, if they do not come by."""
    return parse(
        {
            "recipe": "at_risk_save",
            "trigger": {"kind": "segment", "segment_id": segments[AT_RISK]},
            "entry_filter": reachable("email", "sms", "push"),
            "key": "customer",
            "re_entry": {"mode": "after", "hours": 45 * 24},
            "steps": [
                {"kind": "wait_until", "id": "morning", "at": "10:00"},
                send("we_noticed", _NOTICED, push("It has been quiet", "Come by: a lot is new.")),
                {
                    "kind": "wait_for",
                    "id": "come_by",
                    "event": "product_viewed",
                    "seconds": 5 * DAY,
                    "done": "end",
                },
                send("second_try", sms("we miss you. Have a look at what is new?"), _NOTICED_2),
            ],
            "goal": ORDERED,
        }
    )


def birthday(_: Mapping[str, int]) -> Definition:
    """In the morning of their birthday, by their own clock."""
    return parse(
        {
            "recipe": "birthday",
            "trigger": {"kind": "date", "field": "birthday", "at": "09:00"},
            "entry_filter": reachable("email", "sms", "push"),
            "key": "event",
            "steps": [
                send(
                    "congratulate",
                    _BIRTHDAY,
                    sms("happy birthday, {{ first_name | default: 'dear customer' }}!"),
                    push("Happy birthday!", "The whole team wishes you a wonderful day."),
                    # A day late is worse than never.
                    valid_minutes=14 * 60,
                )
            ],
            "goal": ORDERED,
        }
    )


def vip_thank_you(segments: Mapping[str, int]) -> Definition:
    """When somebody becomes one of the best customers, once in a lifetime."""
    return parse(
        {
            "recipe": "vip_thank_you",
            "trigger": {"kind": "segment", "segment_id": segments[HIGH_VALUE]},
            "entry_filter": reachable("email"),
            "key": "customer",
            "re_entry": {"mode": "never"},
            "steps": [
                {"kind": "set_trait", "id": "mark", "name": "vip", "value": True},
                {"kind": "wait", "id": "hour", "seconds": HOUR},
                send("thank_you", _VIP),
            ],
        }
    )


_NOTICED = mail(
    "{{ first_name | default: 'Hello' }}, it has been quiet",
    "Is everything all right?",
    heading("It has been quiet"),
    text(
        "Hi {{ first_name | default: 'there' }}, you used to come by more often. If something was"
        " not right, answer this e-mail: a person reads it."
    ),
)
_NOTICED_2 = mail(
    "What is new at {{ shop.name }}",
    "A few things that you have not seen yet.",
    heading("What is new"),
    text("Hi {{ first_name | default: 'there' }}, a lot is new since you last came by."),
)
_BIRTHDAY = mail(
    "Happy birthday, {{ first_name | default: 'and all the best' }}!",
    "From all of us.",
    heading("Happy birthday!"),
    text("All of us at {{ shop.name }} wish you a wonderful day."),
)
_VIP = mail(
    "Thank you, {{ first_name | default: 'really' }}",
    "You are one of our best customers.",
    heading("You are one of our best customers"),
    text(
        "Hi {{ first_name | default: 'there' }}, few people buy from us as often as you do. We"
        " notice, and we thank you.",
        "If you ever need anything, answer this e-mail: yours come first.",
    ),
)

RECIPES: Final = (
    Recipe(
        "at_risk_save",
        "At-risk save",
        "When a customer comes less than before: an e-mail, and another channel if they stay away.",
        "heart_broken",
        at_risk_save,
        (Need(AT_RISK, key="at_risk"),),
    ),
    Recipe(
        "birthday",
        "Birthday",
        "On the morning of their birthday, by their own clock, on the channel that reaches them.",
        "cake",
        birthday,
    ),
    Recipe(
        "vip_thank_you",
        "VIP thank-you",
        "When somebody becomes one of the best customers: they are marked, and thanked.",
        "workspace_premium",
        vip_thank_you,
        (Need(HIGH_VALUE, key="high_value"),),
    ),
)
