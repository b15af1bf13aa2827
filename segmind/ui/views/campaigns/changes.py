"""How two states of a draft differ, in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from segmind.campaigns.campaign import Campaign
from segmind.ui import figures
from segmind.ui.access import Viewer, by_whom
from segmind.ui.beginnings import beginning
from segmind.ui.data import campaigns, segments
from segmind.ui.escaped import escaped
from segmind.ui.store import now


def fields(before: Campaign, after: Campaign) -> list[str]:
    """What people write of a draft and what differs between these."""
    return [name for name in campaigns.WRITTEN if getattr(before, name) != getattr(after, name)]


def said(before: Campaign, after: Campaign) -> list[str]:
    """A line for each difference, as Markdown."""
    return [_SAID[name](before, after) for name in fields(before, after)]


def by(campaign: Campaign, viewer: Viewer) -> str:
    """`` by ana@shop.example 2 min ago``, as far as it is known."""
    last = campaigns.last_change(campaign.id)
    if last is None:
        return ""
    return f"{by_whom(last.actor, viewer)} {figures.ago(last.at, now())}"


def _pair(label: str, show: Callable[[Campaign], str]) -> Callable[[Campaign, Campaign], str]:
    return lambda before, after: f"{label}: {show(before)} → {show(after)}"


def _segment(number: int | None) -> str:
    return f"“{escaped(segments.names().get(number, str(number)))}”" if number else "nobody yet"


def _excluded(campaign: Campaign) -> str:
    return ", ".join(_segment(each) for each in campaign.exclude_segment_ids) or "nobody"


def _beginning(content: dict[str, Any] | None) -> str:
    text = beginning(content, 60)
    return f"“{escaped(text)}”" if text else "nothing"


def _message(before: Campaign, after: Campaign) -> str:
    old, new = _beginning(before.content), _beginning(after.content)
    return f"Message: {old} → {new}" if old != new else f"Message: {new} is changed further down"


def _test(before: Campaign, after: Campaign) -> str:
    if before.variant_test is None:
        return "Test: variants are tried first"
    if after.variant_test is None:
        return "Test: taken out"
    same = before.variant_test.contents == after.variant_test.contents
    return "Test: its plan" if same else "Test: what its variants say"


def _rate(campaign: Campaign) -> str:
    rate = campaign.rate_per_second
    return f"at most {figures.count(rate)} a second" if rate else "as fast as the provider takes it"


_SAID: Final[dict[str, Callable[[Campaign, Campaign], str]]] = {
    "name": _pair("Name", lambda each: f"“{escaped(each.name)}”"),
    "channel": _pair("Channel", lambda each: each.channel.label),
    "segment_id": _pair("Send to", lambda each: _segment(each.segment_id)),
    "exclude_segment_ids": _pair("Do not send to", _excluded),
    "content": _message,
    "holdout_percent": _pair("Hold out", lambda each: figures.per_cent(each.holdout_percent)),
    "variant_test": _test,
    "rate_per_second": _pair("Pace", _rate),
}
