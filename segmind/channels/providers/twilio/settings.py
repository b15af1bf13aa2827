"""What Twilio needs to know of the workspace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_BASE_URL: Final = "https://api.twilio.com"


@dataclass(frozen=True, slots=True)
class TwilioSettings:
    """``sender`` is a number in E.164 or a messaging service's id (MG...). ``auth_token`` may be
    followed by a comma and the former one while tokens rotate."""

    account_sid: str
    auth_token: str
    sender: str
    public_url: str
    base_url: str = _BASE_URL

    @classmethod
    def of(cls, values: Mapping[str, str], public_url: str) -> TwilioSettings | None:
        """The settings; None where one of the three needed is missing."""
        account, token, sender = (values.get(n, "") for n in ("account_sid", "auth_token", "from"))
        if not (account and token and sender):
            return None
        base = values.get("base_url") or _BASE_URL
        return cls(account, token, sender, public_url, base.rstrip("/"))
