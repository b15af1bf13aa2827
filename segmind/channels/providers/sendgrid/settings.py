"""What SendGrid needs to know of the workspace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from segmind.channels.providers.sendgrid.events import verifier
from segmind.errors import InvalidInput

_BASE_URL: Final = "https://api.sendgrid.com"


class BadWebhookKey(InvalidInput):
    """This is not the public key of an event webhook."""

    code = "bad_webhook_key"
    hint = "Copy it from SendGrid: Settings, Mail Settings, Event Webhook, Signature Verification."


@dataclass(frozen=True, slots=True)
class SendGridSettings:
    """``webhook_keys`` are the public keys of the signed event webhook: the present one and, while
    keys rotate, the former."""

    api_key: str
    sender: str
    webhook_keys: tuple[str, ...] = ()
    sender_name: str = ""
    base_url: str = _BASE_URL

    @classmethod
    def of(cls, values: Mapping[str, str]) -> SendGridSettings | None:
        """The settings; None where the key or the sender is missing.

        Raises:
            BadWebhookKey: the webhook's key cannot be read.
        """
        key, sender = values.get("api_key", ""), values.get("from", "")
        if not (key and sender):
            return None
        keys = tuple(k.strip() for k in values.get("webhook_key", "").split(",") if k.strip())
        if any(verifier(given) is None for given in keys):
            raise BadWebhookKey(field="webhook_key")
        base = values.get("base_url") or _BASE_URL
        return cls(key, sender, keys, values.get("from_name", ""), base.rstrip("/"))
