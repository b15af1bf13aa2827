"""The message as one customer gets it: rendered by what renders the real ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from segmind.channels import sms_parts
from segmind.channels.channel import Channel
from segmind.channels.content import EmailContent, PushContent, SmsContent
from segmind.errors import SegmindError
from segmind.templates.links import Links
from segmind.templates.render import RenderError, render
from segmind.templates.template import parse_draft
from segmind.ui import figures, problems
from segmind.ui.components import previews
from segmind.ui.components.live_text import replace_text
from segmind.workspace.product_settings import ProductSettings

_SAMPLE_LINKS = Links(unsubscribe_url="https://example.com/u/sample")


def preview_message(
    draft: Mapping[str, Any],
    context: Mapping[str, object],
    settings: ProductSettings,
    *,
    key: str,
    recipients: int | None = None,
    editable: bool = True,
) -> None:
    """Show ``draft`` rendered with ``context``; ``recipients`` gives the price of all of them.

    ``editable``: the editor of the same ``key`` stands beside it, so that signs can be replaced.
    """
    try:
        content = render(parse_draft(dict(draft)), context, _SAMPLE_LINKS)
    except SegmindError as error:
        problems.tell(error)
        return
    if isinstance(content, RenderError):
        where = f", line {content.line}" if content.line else ""
        st.warning(
            f"**{content.field.capitalize()}{where}:** {content.message} {content.hint}",
            icon=":material/edit_off:",
        )
    elif isinstance(content, SmsContent):
        _sms(content, settings, recipients)
        if editable:
            _plain_signs(content, key)
    elif isinstance(content, PushContent):
        _push(content, settings)
    else:
        _email(content, settings, key)


def _sms(content: SmsContent, settings: ProductSettings, recipients: int | None) -> None:
    previews.sms_phone(content.body, settings.sms_sender or settings.shop_name)
    size = sms_parts.count(content.body)
    cost = size.parts * settings.sms_cost_micros
    with st.container(horizontal=True, horizontal_alignment="center", gap="xsmall"):
        plain = size.encoding == "GSM-7"
        st.badge(size.encoding, color="green" if plain else "orange")
        st.badge(f"{size.characters} characters", color="blue")
        st.badge(figures.plural(size.parts, "part"), color="green" if size.parts <= 1 else "orange")
        if recipients:
            total = figures.micros(cost * recipients, settings.currency)
            st.badge(f"≈ {total} for {figures.count(recipients)}", color="gray")
        else:
            st.badge(f"{figures.micros(cost, settings.currency)} each", color="gray")


def _plain_signs(content: SmsContent, key: str) -> None:
    """Name what makes the text Unicode, and offer to replace it."""
    size = sms_parts.count(content.body)
    if size.unicode_because:
        signs = " ".join(f"“{sign}”" for sign in size.unicode_because[:6])
        with st.container(border=True):
            st.markdown(
                f":material/savings: {signs} make{'s' if len(size.unicode_because) == 1 else ''} "
                "this a Unicode SMS: 70 characters a part instead of 160."
            )
            if sms_parts.plain(content.body) != content.body:
                st.button(
                    "Use plain signs",
                    key=f"{key}_plain",
                    on_click=_make_plain,
                    args=(f"{key}_{Channel.SMS}_body",),
                )


def _make_plain(key: str) -> None:
    held = st.session_state.get(f"{key}_plain") or st.session_state.get(key, {}).get("value", "")
    replace_text(key, sms_parts.plain(held))


def _push(content: PushContent, settings: ProductSettings) -> None:
    previews.push_phone(content.title, content.body, settings.shop_name, bool(content.image))
    with st.container(horizontal=True, horizontal_alignment="center", gap="xsmall"):
        for label, length, limit in (
            ("title", len(content.title), 40),
            ("text", len(content.body), 120),
        ):
            st.badge(
                f"{label}: {length} of about {limit} shown",
                color="green" if length <= limit else "orange",
            )


def _email(content: EmailContent, settings: ProductSettings, key: str) -> None:
    sender = settings.email_from_name or settings.shop_name
    previews.inbox_row(sender, content.subject, content.preheader)
    width = st.segmented_control(
        "Seen on",
        ["Desktop", "Mobile", "Text only"],
        default="Desktop",
        required=True,
        key=f"{key}_seen_on",
        label_visibility="collapsed",
    )
    if width == "Text only":
        with st.container(border=True, height=520):
            st.text(content.text)
    else:
        previews.email_frame(content.html, width=375 if width == "Mobile" else 640)
    size = len(content.html.encode())
    st.caption(
        f"{figures.size(size)} of the 102 kB that Gmail shows · unsubscribes with one click: "
        f"{'yes' if 'List-Unsubscribe' in content.headers else 'no'} · "
        "pictures from elsewhere are grey here"
    )
