"""Rows of conditions on what a customer is, and on messages to them."""

from __future__ import annotations

from typing import Any, Final

from segmind.ui.components.badges import CHANNELS
from segmind.ui.components.rule_builder import inputs
from segmind.ui.components.rule_builder.behaviour_rows import threshold
from segmind.ui.components.rule_builder.comparison import comparison
from segmind.ui.components.rule_builder.inputs import Vocabulary
from segmind.ui.components.rule_builder.window import window


def trait(data: dict[str, Any], vocabulary: Vocabulary, key: str) -> dict[str, Any]:
    inputs.word("whose")
    return comparison(data, vocabulary, key=key, of_event=False)


def reachable(data: dict[str, Any], _: Vocabulary, key: str) -> dict[str, Any]:
    inputs.word("can be reached by")
    return {"channel": _channel(data["channel"], key)}


def consent(data: dict[str, Any], _: Vocabulary, key: str) -> dict[str, Any]:
    inputs.word("whose consent to")
    channel = _channel(data["channel"], key)
    inputs.word("is")
    status = inputs.choice("Consent", ("yes", "no", "unknown"), data["status"],
                           key=f"{key}_status", width=120)  # fmt: skip
    return {"channel": channel, "status": status}


def _channel(given: str, key: str) -> str:
    return str(
        inputs.choice("Channel", list(CHANNELS), given, key=f"{key}_channel",
                      say=lambda each: CHANNELS[each][0], width=120)
    )  # fmt: skip


_ACTIONS: Final = {
    "sent": "were sent", "delivered": "received", "opened": "opened", "clicked": "clicked in",
    "bounced": "had a bounce of", "unsubscribed": "unsubscribed from",
    "complained": "complained about",
}  # fmt: skip


def engagement(data: dict[str, Any], vocabulary: Vocabulary, key: str) -> dict[str, Any]:
    action = inputs.choice("Did", list(_ACTIONS), data["action"], key=f"{key}_action",
                           say=_ACTIONS.__getitem__, width=150)  # fmt: skip
    made: dict[str, Any] = {"action": action, **threshold(data, vocabulary, key)}
    kinds = ["", *CHANNELS]
    channel = inputs.choice(
        "Channel", kinds, data.get("channel") or "", key=f"{key}_channel", width=150,
        say=lambda each: f"{CHANNELS[each][0]} messages" if each else "messages",
    )  # fmt: skip
    if channel:
        made["channel"] = channel
    sources: dict[Any, str] = {
        "": "of any source",
        ("campaign", None): "of any campaign",
        ("automation", None): "of any automation",
        ("single", None): "sent singly",
    }
    sources |= {("campaign", n): f"of {name}" for n, name in vocabulary.campaigns.items()}
    sources |= {("automation", n): f"of {name}" for n, name in vocabulary.automations.items()}
    kind, number = data.get("source_kind"), data.get("source_id")
    source = inputs.choice(
        "Source", list(sources), (kind, number) if kind else "", key=f"{key}_source", width=260,
        say=lambda each: sources.get(each, f"of {each[0]} {each[1]}" if each else ""),
    )  # fmt: skip
    if source:
        made["source_kind"], number = source
        if number is not None:
            made["source_id"] = number
    made["window"] = window(data.get("window"), key=f"{key}_window")
    return made


def in_segment(data: dict[str, Any], vocabulary: Vocabulary, key: str) -> dict[str, Any]:
    inputs.word("are in the segment")
    chosen = inputs.choice(
        "Segment", list(vocabulary.segments), data.get("segment_id"), key=f"{key}_segment",
        say=lambda each: vocabulary.segments.get(each, f"segment {each}"), width=260,
    )  # fmt: skip
    return {"segment_id": chosen}


def bucket(data: dict[str, Any], _: Vocabulary, key: str) -> dict[str, Any]:
    inputs.word("are in the random share from")
    low = inputs.percent("From", data.get("from_percent", 0) / 100, key=f"{key}_low")
    inputs.word("to")
    high = inputs.percent("To", data["to_percent"] / 100, key=f"{key}_high")
    inputs.word("% of")
    salt = inputs.text("Name of the draw", data.get("salt", "segment"), (), key=f"{key}_salt")
    return {
        "salt": salt,
        "from_percent": round(low * 100, 2),
        "to_percent": round(high * 100, 2),
    }
