"""What the recipient will see: a phone with a text message, a lock screen, an inbox row, an e-mail.

Everything shown came out of templates, so everything is escaped here; an e-mail's HTML runs
nowhere but in a sandboxed frame without scripts, network or this page's origin.
"""

from __future__ import annotations

import re
from html import escape
from typing import Final

import streamlit as st

from segmind.ui.theme import palette

#: Inside a preview nothing is fetched and nothing runs; a nested frame inherits the policy.
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:"
_BOX: Final = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' width='8' height='8'%3E"
    "%3Crect width='8' height='8' fill='%23D9DCE6'/%3E%3C/svg%3E"
)
_ELSEWHERE: Final = (
    (re.compile(r"<script\b.*?</script\s*>", re.I | re.S), ""),
    (re.compile(r"<link\b[^>]*>", re.I), ""),
    (re.compile(r"@import[^;]*;?", re.I), ""),
    (re.compile(r"(\s(?:src|background)\s*=\s*)([\"']?)\s*(?:https?:)?//[^\"'\s>]*\2", re.I),
     rf'\1"{_BOX}"'),
    (re.compile(r"\ssrcset\s*=\s*(\"[^\"]*\"|'[^']*'|\S+)", re.I), ""),
    (re.compile(r"url\(\s*[\"']?\s*(?:https?:)?//[^)]*\)", re.I), "none"),
)  # fmt: skip
#: Gmail shows "[Message clipped]" beyond this many bytes.
GMAIL_CLIP: Final = 102 * 1024


def sms_phone(body: str, sender: str, when: str = "now") -> None:
    """A phone with the message as a bubble."""
    inner = (
        f'<div style="text-align:center;font-size:12px;color:#6B7280;margin:8px 0 14px">'
        f"<b style='color:#14171F;font-size:13px'>{escape(sender or 'Your sender')}</b><br>"
        f"Text message · {escape(when)}</div>"
        f'<div style="background:#E9E9EE;color:#111;border-radius:18px 18px 18px 5px;'
        f"padding:9px 14px;font-size:14.5px;line-height:1.38;max-width:88%;"
        f'overflow-wrap:anywhere;white-space:pre-wrap">{escape(body) or "&nbsp;"}</div>'
    )
    _phone(inner, f"Text message on a phone: {body}", background="#FFFFFF")


def push_phone(title: str, body: str, app: str, image: bool = False) -> None:
    """A lock screen with the notification, cut where phones cut it."""
    picture = (
        '<div style="width:40px;height:40px;border-radius:8px;flex:none;'
        'background:linear-gradient(135deg,#A5B4FC,#4F46E5)"></div>'
        if image
        else ""
    )
    inner = (
        '<div style="text-align:center;color:#fff;margin:26px 0 30px">'
        '<div style="font-size:13px;opacity:.9">Monday 9 March</div>'
        '<div style="font-size:58px;font-weight:600;line-height:1.1">9:41</div></div>'
        '<div style="background:rgba(255,255,255,.82);color:#111;border-radius:18px;'
        'padding:11px 13px;display:flex;gap:10px;align-items:flex-start">'
        '<div style="width:34px;height:34px;border-radius:8px;background:#4F46E5;color:#fff;'
        'flex:none;display:flex;align-items:center;justify-content:center;font-weight:700">'
        f"{escape((app or 'S')[:1].upper())}</div>"
        '<div style="flex:1;min-width:0;font-size:13.5px;line-height:1.32">'
        '<div style="display:flex;justify-content:space-between;gap:8px"><b style="overflow:hidden;'
        f'text-overflow:ellipsis;white-space:nowrap">{escape(title) or "&nbsp;"}</b>'
        '<span style="font-size:11.5px;color:#555">now</span></div>'
        '<div style="display:-webkit-box;-webkit-line-clamp:4;-webkit-box-orient:vertical;'
        f'overflow:hidden;overflow-wrap:anywhere">{escape(body) or "&nbsp;"}</div></div>'
        f"{picture}</div>"
    )
    _phone(
        inner,
        f"Notification on a lock screen: {title}. {body}",
        background="linear-gradient(160deg,#312E81,#7C3AED 55%,#DB2777)",
    )


def inbox_row(sender: str, subject: str, preheader: str) -> None:
    """The line in an inbox: who, what, and how it goes on."""
    colours = palette()
    after = f" – {escape(preheader)}" if preheader else ""
    st.html(
        f'<div role="img" aria-label="Inbox row: {escape(sender)}, {escape(subject)}" '
        f'style="display:flex;gap:12px;align-items:center;padding:10px 14px;'
        f'border:1px solid {colours.grid};border-radius:8px;font-size:14px;min-width:0">'
        f'<div style="width:34px;height:34px;border-radius:50%;background:{colours.accent};'
        f"color:#fff;display:flex;align-items:center;justify-content:center;font-weight:650;"
        f'flex:none">{escape((sender or "?")[:1].upper())}</div>'
        f'<div style="min-width:0;flex:1;line-height:1.4">'
        f'<div style="font-weight:650">{escape(sender) or "Your shop"}</div>'
        f'<div style="white-space:nowrap;overflow:hidden;text-overflow:ellipsis">'
        f'<span style="font-weight:600">{escape(subject) or "(no subject)"}</span>'
        f'<span style="color:{colours.muted}">{after}</span></div></div>'
        f'<div style="color:{colours.muted};font-size:12.5px;flex:none">9:41</div></div>'
    )


def email_frame(html: str, *, width: int, height: int = 620) -> None:
    """The e-mail in a frame of ``width`` pixels: no scripts, no network, no origin."""
    inner = f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">{offline(html)}'
    st.iframe(
        "<!doctype html><html><head>"
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        "<style>html,body{margin:0;height:100%;background:#F1F2F6}"
        "body{display:flex;justify-content:center}"
        f"iframe{{border:0;height:100%;width:100%;max-width:{width}px;background:#fff}}</style>"
        f'</head><body><iframe sandbox="" referrerpolicy="no-referrer" title="The e-mail" '
        f'srcdoc="{escape(inner, quote=True)}"></iframe></body></html>',
        height=height,
        alt="Preview of the e-mail",
    )


def offline(html: str) -> str:
    """The HTML with pictures from elsewhere as grey boxes, and without scripts and style sheets
    from elsewhere. Comfort only: that nothing is fetched is the policy's promise.
    """
    for pattern, instead in _ELSEWHERE:
        html = pattern.sub(instead, html)
    return html


def _phone(inner: str, alt: str, *, background: str) -> None:
    st.html(
        f'<div style="display:flex;justify-content:center"><div role="img" '
        f'aria-label="{escape(alt, quote=True)}" style="width:290px;height:540px;'
        f"background:#0B0D12;border-radius:44px;padding:11px;box-sizing:border-box;"
        f'box-shadow:0 10px 30px rgba(15,18,24,.18);outline:1px solid {palette().grid}">'
        f'<div style="height:100%;border-radius:34px;background:{background};overflow:hidden;'
        f"padding:0 13px;box-sizing:border-box;font-family:-apple-system,'Segoe UI',Roboto,Inter,"
        f'sans-serif"><div style="width:88px;height:24px;border-radius:14px;background:#0B0D12;'
        f'margin:10px auto 0"></div>{inner}</div></div></div>'
    )
