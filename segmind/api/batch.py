"""The calls of a batch as they are written: each is read on its own, as far as needed.

What this leaves out of the strictness of ``strict_json`` is what nobody keeps: a number too large
for anybody in a part of a call that is not looked at.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec

#: More brackets than this in one call might be nested too deeply.
_MOST_BRACKETS: Final = 90
_NONE: Final = msgspec.Raw(b"null")


class Batch(msgspec.Struct, gc=False):
    """A batch's calls as UTF-8 JSON, and what it says for each that does not say it itself.

    ``write_key``: by which the sender is known.
    """

    calls: list[bytes]
    shared: dict[str, Any]
    write_key: Any


class _Written(msgspec.Struct, gc=False):
    batch: list[msgspec.Raw]
    context: msgspec.Raw = _NONE
    sentAt: Annotated[str, msgspec.Meta(max_length=100)] | None = None  # noqa: N815
    writeKey: Any = None  # noqa: N815


def calls_of(body: bytes) -> Batch | None:
    """The calls of a batch; None where the body as a whole takes a closer look."""
    if b"\\u0000" in body or not _is_unicode(body):
        return None
    try:
        written = _DECODER.decode(body)
    except (ValueError, RecursionError, msgspec.MsgspecError):
        return None
    calls = [bytes(raw) for raw in written.batch]
    # A context for all would be merged into each of them.
    if bytes(written.context) != b"null" or any(_is_deep(call) for call in calls):
        return None
    shared = {} if written.sentAt is None else {"sentAt": written.sentAt}
    return Batch(calls, shared, written.writeKey)


def _is_deep(call: bytes) -> bool:
    return call.count(b"{") + call.count(b"[") > _MOST_BRACKETS


def _is_unicode(body: bytes) -> bool:
    if body.isascii():
        return True
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


_DECODER: Final = msgspec.json.Decoder(_Written)
