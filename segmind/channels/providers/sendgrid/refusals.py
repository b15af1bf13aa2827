"""What a refusal of SendGrid means: for the request, for one recipient in it, for the set-up."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from python_http_client.exceptions import HTTPError

from segmind.channels.outcome import LONGEST_WAIT, InDoubt, Outcome, Rejected, Retry
from segmind.channels.providers.transport import is_ambiguous, is_no_api, retry_after, short

_PLACE: Final = re.compile(r"personalizations\.(\d+)\b")


@dataclass(frozen=True, slots=True)
class RefusedWhole:
    """A request refused for what it holds; ``places`` are the recipients that SendGrid names."""

    outcome: Rejected
    places: tuple[int, ...]


def of_refusal(error: HTTPError) -> Outcome | RefusedWhole:
    status = int(error.status_code)
    text, fields = _errors(error.body)
    if is_ambiguous(status):
        return InDoubt(f"SendGrid answered {status}: {text}", status)
    if status == 429:
        return Retry("429", text or "Too many requests.", _wait(error.headers), status)
    if status in (401, 403) or is_no_api(status):
        return Retry(str(status), text or "The key is refused.", None, status, pause_sender=True)
    if status == 400 and any(f.startswith("from") for f in fields):
        return Retry("sender", text, None, status, pause_sender=True)
    places = tuple(sorted({int(m[1]) for f in fields if (m := _PLACE.match(f))}))
    address = any(re.search(r"\.to\b|\.email\b", f) for f in fields if _PLACE.match(f))
    return RefusedWhole(Rejected(str(status), text, suppress=address, http_status=status), places)


def _errors(body: Any) -> tuple[str, list[str]]:
    try:
        errors = json.loads(body)["errors"]
        text = "; ".join(str(e.get("message", "")) for e in errors)
        return short(text), [str(e.get("field") or "") for e in errors]
    except (ValueError, TypeError, KeyError, AttributeError):
        return short(body.decode("utf-8", "replace")) if isinstance(body, bytes) else "", []


def _wait(headers: Mapping[str, str]) -> float | None:
    given = retry_after(headers)
    if given is not None:
        return given
    reset = str(headers.get("X-RateLimit-Reset") or "")
    if not reset.isdigit():
        return None
    return min(max(int(reset) - time.time(), 1.0), LONGEST_WAIT)
