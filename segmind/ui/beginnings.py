"""What tells a content from others at a glance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def beginning(content: Mapping[str, Any] | None, most: int) -> str:
    """Its subject, title or text, of which so many characters; empty where it says nothing."""
    draft = content or {}
    text = str(draft.get("subject") or draft.get("title") or draft.get("body") or "")
    return f"{text[:most]}{'…' if len(text) > most else ''}"
