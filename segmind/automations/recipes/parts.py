"""Pieces that recipes are put together from, as JSON: messages, waits, rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from segmind.automations.part import ChannelName

MINUTE: Final = 60
HOUR: Final = 3_600
DAY: Final = 86_400


def mail(subject: str, preheader: str, *blocks: Mapping[str, Any]) -> dict[str, Any]:
    """An e-mail out of blocks."""
    return {
        "channel": "email",
        "subject": subject,
        "preheader": preheader,
        "blocks": [dict(block) for block in blocks],
    }


def heading(text: str) -> dict[str, Any]:
    return {"kind": "heading", "text": text}


def text(*paragraphs: str) -> dict[str, Any]:
    return {"kind": "text", "text": "\n\n".join(paragraphs)}


def products(source: str, title: str) -> dict[str, Any]:
    return {"kind": "products", "source": source, "heading": title}


def sms(body: str) -> dict[str, Any]:
    """An SMS that says how to stop."""
    return {"channel": "sms", "body": f"{{{{ shop.name }}}}: {body} Reply STOP to opt out."}


def push(title: str, body: str) -> dict[str, Any]:
    return {"channel": "push", "title": title, "body": body}


def wait(step_id: str, seconds: int, **more: Any) -> dict[str, Any]:
    return {"kind": "wait", "id": step_id, "seconds": seconds, **more}


def ask(step_id: str, rule: Mapping[str, Any], **ways: Any) -> dict[str, Any]:
    return {"kind": "condition", "id": step_id, "rule": dict(rule), **ways}


def send(step_id: str, *contents: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """Send the first of the contents; the others where its channel does not reach somebody."""
    first, *others = contents
    step: dict[str, Any] = {
        "kind": "send",
        "id": step_id,
        "channel": first["channel"],
        "content": dict(first),
        **more,
    }
    if others:
        step["fallbacks"] = [{"channel": c["channel"], "content": dict(c)} for c in others]
    return step


def reachable(*channels: ChannelName) -> dict[str, Any]:
    """Whoever may be reached on one of these channels."""
    each: Sequence[dict[str, Any]] = [
        {"type": "reachable", "channel": channel} for channel in channels
    ]
    return each[0] if len(each) == 1 else {"type": "any", "conditions": list(each)}


#: Ordering is what they are for.
ORDERED: Final = {"event": "order", "name": "Ordered"}
