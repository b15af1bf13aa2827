"""The request: up to 500 recipients of one text, each with what is his own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from segmind.channels.content import EmailContent, Slots
from segmind.channels.outcome import Outcome, Rejected
from segmind.channels.provider import Parcel
from segmind.channels.providers.sendgrid.settings import SendGridSettings

#: SendGrid takes a thousand; half of that keeps requests small enough to time out rarely.
MOST_RECIPIENTS: Final = 500
#: SendGrid takes less than 10,000 bytes of substitutions for one recipient.
LARGEST_SUBSTITUTIONS: Final = 9_000


def groups(parcels: Sequence[Parcel], outcomes: dict[int, Outcome]) -> list[list[int]]:
    """Which parcels can share a request: one text, one sender, every address once."""
    groups: dict[tuple[Any, ...], list[list[int]]] = {}
    addresses: dict[int, set[str]] = {}
    for i, parcel in enumerate(parcels):
        content = parcel.content
        if not isinstance(content, EmailContent):
            outcomes[i] = Rejected("wrong_content", "SendGrid carries e-mail only.")
            continue
        shared = isinstance(content.html_part, Slots) and _fits(content)
        key = (_skeleton(content) if shared else (-1 - i,), parcel.sender)
        address = parcel.address.casefold()
        for group in groups.setdefault(key, []):
            if address not in addresses[id(group)] and len(group) < MOST_RECIPIENTS:
                group.append(i)
                addresses[id(group)].add(address)
                break
        else:
            fresh = [i]
            groups[key].append(fresh)
            addresses[id(fresh)] = {address}
    return [group for several in groups.values() for group in several]


def _skeleton(content: EmailContent) -> tuple[int, ...]:
    """What contents of one template version have in common: the very same pieces."""
    parts = (content.html_part, content.text_part)
    return tuple(0 if isinstance(part, str) else id(part.pieces) for part in parts)


def _own(part: str | Slots) -> tuple[str, ...]:
    """What of a part is this recipient's own."""
    return (part,) if isinstance(part, str) else part.values


def _fits(content: EmailContent) -> bool:
    """Whether what is this recipient's own, with room for the marks, is not too long in bytes."""
    own = (*_own(content.html_part), *_own(content.text_part))
    if 4 * sum(map(len, own)) + 24 * len(own) <= LARGEST_SUBSTITUTIONS:
        return True  # UTF-8 takes at most four bytes for a letter
    return sum(len(value.encode()) + 24 for value in own) <= LARGEST_SUBSTITUTIONS


def payload_of(parcels: Sequence[Parcel], settings: SendGridSettings) -> dict[str, Any]:
    first = parcels[0]
    content = first.content
    assert isinstance(content, EmailContent)
    sender = first.sender
    address = sender.address if sender else settings.sender
    name = sender.name if sender else settings.sender_name
    payload: dict[str, Any] = {
        "from": {"email": address, "name": name} if name else {"email": address},
        "tracking_settings": {
            # Our own links count clicks; SendGrid's pair of unsubscribe links would double ours.
            "click_tracking": {"enable": False, "enable_text": False},
            "open_tracking": {"enable": True},
            "subscription_tracking": {"enable": False},
        },
    }
    if len(parcels) == 1 or isinstance(content.html_part, str):
        payload["personalizations"] = [_personal(first, content)]
        payload["content"] = _content(content.text, content.html)
        return payload
    mark = _mark(parcels)
    html, text = content.html_part, content.text_part
    names = [*_names(_own(html), mark), *_names(_own(text), f"{mark}t")]
    payload["personalizations"] = [
        _personal(p, p.content, names) for p in parcels if isinstance(p.content, EmailContent)
    ]
    payload["content"] = _content(_marked(text, f"{mark}t"), _marked(html, mark))
    return payload


def encoded(payload: dict[str, Any]) -> str:
    try:
        return msgspec.json.encode(payload).decode()
    except (TypeError, ValueError):  # letters that UTF-8 cannot write, texts of a kind of their own
        return json.dumps(payload)


def _names(values: Sequence[str], mark: str) -> list[str]:
    """What stands for each of the values in the text that is shared."""
    return [f"{mark}{i}-" for i in range(1, len(values) + 1)]


def _marked(part: str | Slots, mark: str) -> str:
    names = _names(_own(part), mark)
    return names[0] if isinstance(part, str) else Slots(part.pieces, tuple(names)).joined()


def _content(text: str, html: str) -> list[dict[str, str]]:
    # SendGrid refuses empty parts.
    parts = (("text/plain", text), ("text/html", html))
    return [{"type": kind, "value": value or " "} for kind, value in parts]


def _personal(
    parcel: Parcel, content: EmailContent, names: Sequence[str] | None = None
) -> dict[str, Any]:
    """One recipient's part of the request; with ``names`` what is put in for each of them."""
    out: dict[str, Any] = {
        "to": [{"email": parcel.address}],
        "subject": content.subject or " ",
        "custom_args": {"m": str(parcel.message_public_id)},
    }
    if content.headers:
        out["headers"] = dict(content.headers)
    if names is not None:
        own = (*_own(content.html_part), *_own(content.text_part))
        out["substitutions"] = dict(zip(names, own, strict=True))
    return out


def _mark(parcels: Sequence[Parcel]) -> str:
    """What stands for a slot: nobody who writes a text or a value can know it."""
    ids = b"".join(p.message_public_id.bytes for p in parcels)
    return f"-{hashlib.blake2b(ids, digest_size=6).hexdigest()}."
