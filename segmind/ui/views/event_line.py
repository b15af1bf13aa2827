"""One event of the log in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from segmind.events.schema import Channel
from segmind.ui import figures
from segmind.ui.data import workspace
from segmind.ui.data.sources import channel_name, source_name

#: Icon and words by event; ``{product}``, ``{source}`` and ``{channel}`` are filled in.
_SAID: Final[Mapping[str, tuple[str, str]]] = {
    "product_viewed": ("visibility", "viewed {product}"),
    "product_added": ("add_shopping_cart", "added {product} to the cart"),
    "product_removed": ("remove_shopping_cart", "removed {product} from the cart"),
    "checkout_started": ("shopping_cart_checkout", "started a checkout"),
    "order_completed": ("paid", "bought {product}"),
    "order_refunded": ("undo", "got a refund"),
    "page_viewed": ("web", "viewed a page"),
    "message_sent": ("send", "was sent {source}"),
    "message_delivered": ("mark_email_read", "received {source}"),
    "message_bounced": ("report", "bounced: {source}"),
    "message_opened": ("drafts", "opened {source}"),
    "message_clicked": ("ads_click", "clicked in {source}"),
    "message_unsubscribed": ("unsubscribe", "unsubscribed from {source}"),
    "message_complained": ("thumb_down", "complained about {source}"),
    "segment_entered": ("filter_alt", "entered {source}"),
    "segment_left": ("filter_alt_off", "left {source}"),
}


def event_line(row: Mapping[str, Any]) -> str:
    """An event's row (name, product, value, source, channel, machine) as a line of Markdown."""
    name = row["name"] or "event"
    icon, words = _SAID.get(name, ("bolt", f"did “{name}”"))
    said = words.format(
        product=row["product"] or "a product",
        source=f"“{source_name(row['source_kind'], row['source_id'])}”",
    )
    tail = ""
    if row["value"] and name.startswith(("order_", "product_added")):
        tail = f" · {figures.money(row['value'], workspace.settings().currency)}"
    if name.startswith("message_") and row["channel"]:
        tail += f" · {channel_name(Channel(row['channel']))}"
    if row["machine"]:
        tail += " · by a machine"
    text = f"{said}{tail}".replace("$", "\\$").replace("*", "\\*").replace("[", "\\[")
    return f":gray[:material/{icon}:] {text}"
