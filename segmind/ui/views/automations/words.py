"""What kinds of steps, triggers and outcomes are called on screen."""

from __future__ import annotations

from typing import Final

from segmind.automations.describe import Saying
from segmind.automations.steps import Option
from segmind.ui.beginnings import beginning
from segmind.ui.data import automations, segments

#: By kind of step: its name and its icon.
STEPS: Final[dict[str, tuple[str, str]]] = {
    "send": ("Send a message", "send"),
    "wait": ("Wait for a time", "hourglass_top"),
    "wait_until": ("Wait until a time of day", "schedule"),
    "wait_for": ("Wait for an event", "notifications_active"),
    "wait_rhythm": ("Wait for their own rhythm", "autorenew"),
    "condition": ("Ask a question", "call_split"),
    "split": ("Part by chance", "shuffle"),
    "set_trait": ("Set a trait", "sell"),
    "webhook": ("Call a webhook", "webhook"),
    "exit": ("Leave", "logout"),
}
TRIGGERS: Final = {
    "event": "a customer does something",
    "segment": "a customer enters or leaves a segment",
    "date": "a day of the customer's own comes",
    "schedule": "a time comes round",
}
KEYS: Final = {
    "customer": "one run at a time for each customer",
    "cart": "one run for each cart",
    "order": "one run for each order",
    "event": "one run each time",
}
OUTCOMES: Final = {
    "waited": "waits on",
    "passed": "went on",
    "yes": "yes",
    "no": "no",
    "done": "did it",
    "timed_out": "time was up",
    "no_rhythm": "has no rhythm yet",
    "sent": "message queued",
    "skipped": "not sent",
    "set": "trait set",
    "refused": "trait refused",
    "called": "webhook called",
    "exited": "left",
    "failed": "failed",
}


def step_label(kind: str) -> str:
    """A kind of step in a menu."""
    label, icon = STEPS[kind]
    return f":material/{icon}: {label}"


def plain(text: str) -> str:
    """A text as it is, where Markdown would read signs in it."""
    return text.replace("$", "\\$").replace("[", "\\[").replace("*", "\\*")


def saying() -> Saying:
    """Lines with segments by name, and messages by what they begin with."""
    return Saying(words=segments.words(), content=_beginning)


def _beginning(option: Option) -> str:
    said = beginning(automations.content_of(option), 80)
    return f"“{said}”" if said else ""
