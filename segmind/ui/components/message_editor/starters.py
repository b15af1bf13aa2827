"""What an empty message begins with, so that nobody starts at a blank page."""

from __future__ import annotations

from typing import Any, Final

from segmind.channels.channel import Channel
from segmind.ui.components.live_text import Variable

STARTERS: Final[dict[Channel, dict[str, Any]]] = {
    Channel.EMAIL: {
        "channel": "email",
        "subject": "",
        "preheader": "",
        "blocks": [
            {"kind": "heading", "text": "Hi {{ first_name | default: 'there' }},"},
            {"kind": "text", "text": ""},
            {"kind": "button", "label": "Go to the shop", "href": "{{ shop.url }}"},
        ],
    },
    Channel.SMS: {"channel": "sms", "body": ""},
    Channel.PUSH: {"channel": "push", "title": "", "body": ""},
}

#: Buttons that insert what marketers use most; everything else is in the list of variables.
VARIABLES: Final = (
    Variable("First name", "{{ first_name | default: 'there' }}"),
    Variable("Shop", "{{ shop.name }}"),
    Variable("City", "{{ customer.city }}"),
    Variable("Cart total", "{{ cart.total }}"),
    Variable("Cart link", "{{ cart.url }}"),
    Variable("If …", "{% if cart.count > 1 %}…{% endif %}"),
)
UNSUBSCRIBE: Final = Variable("Unsubscribe link", "{{ unsubscribe_url }}")
STOP: Final = Variable("Opt-out", " Reply STOP to opt out")

BLOCKS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "heading": ("Heading", {"kind": "heading", "text": "", "level": 1}),
    "text": ("Text", {"kind": "text", "text": ""}),
    "button": ("Button", {"kind": "button", "label": "", "href": "{{ shop.url }}"}),
    "image": ("Picture", {"kind": "image", "src": "", "alt": ""}),
    "products": ("Products", {"kind": "products", "source": "cart"}),
    "divider": ("Line", {"kind": "divider"}),
}
