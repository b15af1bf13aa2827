"""The form of a message, by channel. It gives back what stands in it now, valid or not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from segmind.channels.channel import Channel
from segmind.ui.components.live_text import PLAIN, live_text
from segmind.ui.components.message_editor.blocks import edit_blocks
from segmind.ui.components.message_editor.starters import (
    STARTERS,
    STOP,
    UNSUBSCRIBE,
    VARIABLES,
)


def edit_message(
    content: Mapping[str, Any] | None, channel: Channel, *, key: str
) -> dict[str, Any]:
    """Show the form with ``content`` (a draft as JSON) at first; returns the draft as JSON now."""
    given = content if content and content.get("channel") == channel else STARTERS[channel]
    made = {
        Channel.EMAIL: _email,
        Channel.SMS: _sms,
        Channel.PUSH: _push,
    }[channel](given, f"{key}_{channel}")
    st.toggle(
        "Plain text boxes",
        key=PLAIN,
        help="Streamlit's own text boxes: they tell when you leave them, and work with every "
        "screen reader.",
    )
    return {"channel": channel.value, **made}


def _email(given: Mapping[str, Any], key: str) -> dict[str, Any]:
    subject = _line("Subject", given.get("subject", ""), f"{key}_subject", "Your basket is waiting")
    preheader = _line(
        "Preview text",
        given.get("preheader", ""),
        f"{key}_preheader",
        "What the inbox shows after the subject",
    )
    made: dict[str, Any] = {"subject": subject, "preheader": preheader}
    if given.get("accent"):
        made["accent"] = given["accent"]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kind = st.segmented_control(
            "Body",
            ["Blocks", "MJML or HTML"],
            default="MJML or HTML" if given.get("body") else "Blocks",
            required=True,
            key=f"{key}_kind",
        )
        if kind == "Blocks":
            made["accent"] = st.color_picker(
                "Accent", given.get("accent", "#4f46e5"), key=f"{key}_accent"
            )
    if kind == "Blocks":
        made["blocks"] = edit_blocks(list(given.get("blocks", ())), key=f"{key}_blocks")
    else:
        made["body"] = live_text(
            "MJML or HTML",
            given.get("body", ""),
            key=f"{key}_body",
            variables=[*VARIABLES, UNSUBSCRIBE],
            rows=18,
            code=True,
        )
    return made


def _sms(given: Mapping[str, Any], key: str) -> dict[str, Any]:
    body = live_text(
        "Message",
        given.get("body", ""),
        key=f"{key}_body",
        variables=[*VARIABLES, STOP],
        rows=6,
        max_chars=5_000,
    )
    return {"body": body}


def _push(given: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {
        "title": _line("Title", given.get("title", ""), f"{key}_title", "About 40 characters"),
        "body": live_text(
            "Message",
            given.get("body", ""),
            key=f"{key}_body",
            variables=VARIABLES,
            rows=4,
            max_chars=5_000,
        ),
        "deep_link": _line(
            "A tap opens", given.get("deep_link", ""), f"{key}_link", "https://… or app://…"
        ),
        "image": _line("Picture", given.get("image", ""), f"{key}_image", "https://…"),
    }


def _line(label: str, value: str, key: str, placeholder: str) -> str:
    if key not in st.session_state:
        st.session_state[key] = value
    typed = st.text_input(label, key=key, placeholder=placeholder, live=True, max_chars=2_000)
    return typed or ""
