"""What just happened, as it happens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

import streamlit as st

from segmind.ui import figures
from segmind.ui.data import overview, workspace
from segmind.ui.data.sources import source_name
from segmind.ui.store import now

_LINES: Final = 12
#: Icon and words by event; ``{product}`` and ``{source}`` are filled in.
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
}


def show() -> None:
    """The card; asks the log anew every two seconds."""
    with st.container(border=True, height="stretch", key="ov_live"):
        st.subheader(
            "Live",
            anchor=False,
            help="The newest events of the log: acts in the shop and receipts of messages.",
        )
        _stream()


@st.fragment(run_every="2s")
def _stream() -> None:
    rows = overview.live()
    lines = [_line(row) for row in rows if not row["name"].startswith("segment_")][:_LINES]
    moved = Counter(
        (row["name"], row["source_id"]) for row in rows if row["name"].startswith("segment_")
    )
    for (name, segment), n in moved.most_common(2):
        word = "entered" if name == "segment_entered" else "left"
        lines.append(
            f":gray[:material/filter_alt:] {figures.plural(n, 'customer')} {word} "
            f"{source_name(4, segment)}"
        )
    if not lines:
        st.caption("It is quiet. The next event will show here within two seconds.")
        return
    st.markdown("\n\n".join(lines))
    zone = workspace.settings().zone
    st.caption(f"As of {now().astimezone(zone):%H:%M:%S}")


def _line(row: Mapping[str, Any]) -> str:
    icon, words = _SAID.get(row["name"], ("bolt", f"did {row['name']}"))
    said = words.format(
        product=row["product"] or "a product",
        source=f"“{source_name(row['source_kind'], row['source_id'])}”",
    )
    value = row["value"]
    money = (
        f" · {figures.money(value, workspace.settings().currency)}"
        if value and row["name"].startswith("order_")
        else ""
    )
    machine = " by machine" if row["machine"] else ""
    text = f"**#{row['customer_id']}** {said}{machine}{money}".replace("$", "\\$")
    return f":gray[:material/{icon}:] {text} :gray[· {figures.ago(row['ts'], now())}]"
