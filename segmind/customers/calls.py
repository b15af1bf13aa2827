"""One tracking call in Segment's shape, checked before anything is done with it.

The shape is Segment's HTTP API (identify, track, page, screen; userId or anonymousId, messageId,
timestamp, context). What is promised beyond it: a time without zone is UTC; without ``timestamp``
the ``originalTimestamp`` corrected by the sender's clock (``sentAt``) counts, else the moment of
receipt; a call without ``messageId`` is known by its content.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from segmind.customers.identity import check_id
from segmind.errors import InvalidInput
from segmind.events import json_text

MAX_CALL_BYTES: Final = 32_768
MAX_AHEAD: Final = timedelta(days=1)
_PAGES: Final = ("page", "screen")
OLDEST: Final = datetime(1990, 1, 1, tzinfo=UTC)
_DECODER: Final = msgspec.json.Decoder()
TYPES: Final = ("identify", "track", "page", "screen")


class InvalidCall(InvalidInput):
    """A tracking call cannot be taken."""

    code = "invalid_call"


class Unreadable(InvalidCall):
    """The text of a call is not JSON as it is taken."""


class Call(msgspec.Struct, frozen=True, gc=False):
    """A checked call. ``ts`` is aware, UTC; ``event`` is the name of a track call, else None."""

    type: str
    user_id: str | None
    anonymous_id: str | None
    ts: datetime
    message_id: str
    event: str | None
    properties: Mapping[str, Any]
    traits: Mapping[str, Any]
    context: Mapping[str, Any]


def unbatch(payload: Mapping[str, Any]) -> list[Any]:
    """The calls of a batch payload; each lacking ``context`` or ``sentAt`` gets the batch's.

    Raises:
        InvalidCall: there is no list ``batch``.
    """
    calls = payload.get("batch")
    if not isinstance(calls, list):
        raise InvalidCall("A batch needs a list of calls.", field="batch")
    shared = {k: payload[k] for k in ("context", "sentAt") if k in payload}
    return [{**shared, **c} if type(c) is dict or isinstance(c, Mapping) else c for c in calls]


def decoded(written: bytes) -> Any:
    """What the text of a call says.

    Raises:
        Unreadable: it is not JSON, or holds a number that nobody can keep.
    """
    try:
        return _DECODER.decode(written)
    except (ValueError, RecursionError, msgspec.MsgspecError):
        raise Unreadable() from None


def parse(raw: Any, now: datetime) -> Call:
    """The checked call.

    Raises:
        InvalidCall: with ``field`` naming what is wrong.
    """
    if type(raw) is not dict and not isinstance(raw, Mapping):
        raise InvalidCall("A call is a JSON object.", field="")
    content = None if _is_plainly_small(raw) and raw.get("messageId") else _content(raw)
    kind = raw.get("type")
    if not isinstance(kind, str) or kind not in TYPES:
        raise InvalidCall(f"The type is none of {', '.join(TYPES)}.", field="type")
    user_id, anonymous_id = _id(raw, "userId"), _id(raw, "anonymousId")
    if user_id is None and anonymous_id is None:
        raise InvalidCall("A call needs userId or anonymousId.", field="userId")
    ts = _instant(raw, now)
    return Call(
        type=kind,
        user_id=user_id,
        anonymous_id=anonymous_id,
        ts=ts,
        message_id=_message_id(raw, content or b"", ts),
        event=_event(raw) if kind == "track" else None,
        properties=with_own(kind, raw.get("name"), raw.get("category"), _object(raw, "properties")),
        traits=_object(raw, "traits"),
        context=_object(raw, "context"),
    )


def _is_plainly_small(raw: Mapping[str, Any]) -> bool:
    """Whether a call is certainly JSON, and certainly not too large: most are, and that is quick.

    Nothing becomes three times as long by being written with spaces.
    """
    written = json_text.compact(raw)
    return written is not None and len(written) * 3 <= MAX_CALL_BYTES


def _content(raw: Mapping[str, Any]) -> bytes:
    try:
        written = json.dumps(raw, sort_keys=True, ensure_ascii=False, allow_nan=False)
        content = written.encode()
    except UnicodeEncodeError:
        raise InvalidCall("The call holds text that is not Unicode.", field="") from None
    except (TypeError, ValueError, RecursionError):
        raise InvalidCall("The call is not JSON (or is nested too deeply).", field="") from None
    if len(content) > MAX_CALL_BYTES:
        largest = max(raw, key=lambda k: len(str(raw[k])))
        raise InvalidCall(f"The call is larger than {MAX_CALL_BYTES} bytes.", field=str(largest))
    return content


def _id(raw: Mapping[str, Any], field: str) -> str | None:
    value = raw.get(field)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise InvalidCall("An id is text.", field=field)
    check_id(str(value), field)
    return str(value)


def _object(raw: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    value = raw.get(field)
    if value is None:
        return {}
    if type(value) is not dict and not isinstance(value, Mapping):
        raise InvalidCall(f"{field} is a JSON object.", field=field)
    return value


def with_own(
    kind: str, name: Any, category: Any, properties: Mapping[str, Any]
) -> Mapping[str, Any]:
    """A page's name and category stand beside its properties; they are kept among them."""
    if kind not in _PAGES:
        return properties
    own = {"name": name, "category": category}
    return {**{k: v for k, v in own.items() if v}, **properties}


def _event(raw: Mapping[str, Any]) -> str:
    name = raw.get("event")
    if not isinstance(name, str) or not name.strip():
        raise InvalidCall("A track call needs the event's name.", field="event")
    return name.strip()


def _message_id(raw: Mapping[str, Any], content: bytes, ts: datetime) -> str:
    given = raw.get("messageId")
    if given is None or given == "":
        # Two calls without messageId are one only if they say the same of the same moment.
        digest = hashlib.blake2b(content + ts.isoformat().encode(), digest_size=16)
        return f"content:{digest.hexdigest()}"
    if not isinstance(given, str) or len(given) > 255:
        raise InvalidCall("messageId is text of up to 255 characters.", field="messageId")
    return given


def _instant(raw: Mapping[str, Any], now: datetime) -> datetime:
    field = "timestamp" if raw.get("timestamp") is not None else "originalTimestamp"
    if raw.get(field) is None:
        return now.astimezone(UTC)
    at = instant(raw[field], field)
    if field == "originalTimestamp" and raw.get("sentAt") is not None:
        at += now - instant(raw["sentAt"], "sentAt")
    if at < OLDEST:
        raise InvalidCall("The time lies before 1990.", field=field)
    if at > now + MAX_AHEAD:
        raise InvalidCall("The time lies more than a day in the future.", field=field)
    return at


def instant(value: Any, field: str) -> datetime:
    """The instant, UTC, that ISO 8601 text means.

    Raises:
        InvalidCall: it is no such text.
    """
    if not isinstance(value, str):
        raise InvalidCall("A time is ISO 8601 text.", field=field)
    try:
        at = datetime.fromisoformat(value.strip())
        if at.tzinfo is UTC:
            return at
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidCall("The time is not ISO 8601.", field=field) from None
