"""Recipes for those who look around: welcome, browse abandonment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from segmind.automations.definition import Definition, parse
from segmind.automations.recipes.parts import (
    DAY,
    HOUR,
    ORDERED,
    ask,
    heading,
    mail,
    push,
    reachable,
    send,
    text,
    wait,
)
from segmind.automations.recipes.recipe import Need, Recipe

SUBSCRIBERS: Final = "E-mail subscribers"

_SEEN = mail(
    "{{ first_name | default: 'Hello' }}, still looking?",
    "What you looked at is still here.",
    heading("Still looking around?"),
    text(
        "Hi {{ first_name | default: 'there' }}, you looked at a few things lately. They are where"
        " you left them.",
        "Questions before you decide? Just answer this e-mail.",
    ),
)


def browse_abandonment(_: Mapping[str, int]) -> Definition:
    """Two hours after somebody last looked at products and put nothing into the cart."""
    return parse(
        {
            "recipe": "browse_abandonment",
            "trigger": {"kind": "event", "event": "product_viewed"},
            "entry_filter": reachable("email", "push"),
            "key": "customer",
            "re_entry": {"mode": "after", "hours": 7 * 24},
            "steps": [
                wait("wait", 2 * HOUR, restart_on=["product_viewed"]),
                ask(
                    "looked_closely",
                    {
                        "type": "did",
                        "event": "product_viewed",
                        "op": "at_least",
                        "n": 3,
                        "window": {"type": "last", "amount": 1, "unit": "days"},
                    },
                ),
                send(
                    "remind",
                    _SEEN,
                    push("Still looking?", "What you looked at is still here."),
                ),
            ],
            "goal": ORDERED,
            "exit_rules": [{"reason": "put something into the cart", "event": "product_added"}],
        }
    )


def welcome(segments: Mapping[str, int]) -> Definition:
    """Three e-mails to whoever subscribes; whoever orders needs no more of them."""
    return parse(
        {
            "recipe": "welcome",
            "trigger": {"kind": "segment", "segment_id": segments[SUBSCRIBERS]},
            "key": "customer",
            "re_entry": {"mode": "never"},
            "steps": [
                send("hello", _HELLO),
                wait("two_days", 2 * DAY),
                send("who_we_are", _WHO),
                wait("three_days", 3 * DAY),
                send("first_order", _FIRST),
            ],
            "goal": ORDERED,
        }
    )


_HELLO = mail(
    "Welcome to {{ shop.name }}",
    "Good to have you here.",
    heading("Welcome, {{ first_name | default: 'and hello' }}"),
    text(
        "Thank you for subscribing to {{ shop.name }}. You will hear from us when there is"
        " something worth it, and you can leave with one click at any time.",
    ),
)
_WHO = mail(
    "What we are good at",
    "A few words about {{ shop.name }}.",
    heading("What we are good at"),
    text(
        "Hi {{ first_name | default: 'there' }}, our customers come back for three things: honest"
        " descriptions, quick delivery, and people who answer.",
        "Try us: answer this e-mail with what you are looking for.",
    ),
)
_FIRST = mail(
    "{{ first_name | default: 'Hello' }}, ready for your first order?",
    "It takes two minutes.",
    heading("Ready when you are"),
    text(
        "Hi {{ first_name | default: 'there' }}, if something has caught your eye, this is a good"
        " moment: ordering takes two minutes, and you can send anything back.",
    ),
)

RECIPES: Final = (
    Recipe(
        "browse_abandonment",
        "Browse abandonment",
        "Two hours after somebody looked at three products or more and put nothing into the cart.",
        "visibility",
        browse_abandonment,
    ),
    Recipe(
        "welcome",
        "Welcome series",
        "Three e-mails in five days to whoever subscribes, until the first order.",
        "waving_hand",
        welcome,
        (Need(SUBSCRIBERS, rule=reachable("email")),),
    ),
)
