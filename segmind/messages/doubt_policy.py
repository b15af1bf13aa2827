"""How long a doubt waits for evidence, and what is evidence: by channel, as data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import RowMapping

from segmind.channels.provider import Found, NotFound, Parcel, Provider, Unknown
from segmind.consent.purpose import Purpose
from segmind.events.schema import Channel
from segmind.workspace.product_settings import ProductSettings


@dataclass(frozen=True, slots=True)
class DoubtPolicy:
    """How a channel's doubts are settled; seconds count from the end of the lease.

    ``grace_seconds``: how long evidence may still come before a provider's "not found" counts.
    ``most_rounds``: how often a proved absence is followed by another try.
    ``silence_seconds``: a provider that cannot be asked, but reports on everything that it takes,
    and has said nothing of a message for so long, while reports on others came in, does not have
    it (marketing, others). None: silence proves nothing.
    ``flush_seconds``: reports come within so much of the call.
    """

    grace_seconds: float
    most_rounds: int = 2
    silence_seconds: tuple[float, float] | None = None
    flush_seconds: float = 30.0


#: Delivery reports of e-mail are flushed within 30 s, SMS call back at once; a look-up lags.
POLICIES: Final = {
    Channel.EMAIL: DoubtPolicy(600.0, silence_seconds=(1800.0, 600.0)),
    Channel.SMS: DoubtPolicy(180.0),
    Channel.PUSH: DoubtPolicy(0.0, most_rounds=8),
}
#: Providers whose look-up never lags behind what they accepted.
EXACT_LOOK_UP: Final = frozenset({"sandbox"})
#: Without a look-up, this long without any receipt before the workspace's policy decides.
HOLD_SECONDS: Final = 1800.0

NEEDS_ATTENTION: Final = "needs_attention"


def judge(
    row: RowMapping,
    provider: Provider,
    parcel: Parcel | None,
    rules: dict[Channel, DoubtPolicy],
    settings: ProductSettings,
    heard: dict[str, datetime],
) -> tuple[str, str | None] | None:
    """What to do about a message in doubt: ("accept", the provider's id), ("again", None) or
    ("hold", None); None: wait for evidence.

    ``row``: the message with ``doubt_age`` (seconds), ``rounds`` and ``asked_since``; ``heard``:
    when each provider's latest report came in. The provider is asked here.
    """
    policy = rules[Channel(row["channel"])]
    tired = row["rounds"] >= policy.most_rounds
    if provider.capabilities.repeat_is_harmless:
        return ("again", None) if not tired else _undecidable(settings, tired=True)
    age = float(row["doubt_age"])
    if provider.capabilities.look_up and parcel is not None:
        match provider.find(parcel, row["asked_since"] - timedelta(minutes=5)):
            case Found(provider_id):
                return "accept", provider_id
            case NotFound():
                exact = provider.name in EXACT_LOOK_UP
                if age < 0 or (not exact and age < policy.grace_seconds):
                    return None
                return ("again", None) if not tired else _undecidable(settings, tired=True)
            case Unknown():
                pass
    elif provider.capabilities.receipts and policy.silence_seconds is not None:
        marketing, other = policy.silence_seconds
        enough = marketing if row["purpose"] == Purpose.MARKETING else other
        last = heard.get(row["provider"])
        reports = last is not None and last > row["asked_since"] + timedelta(
            seconds=policy.flush_seconds
        )
        if reports and not tired:
            return ("again", None) if age >= enough else None
    return None if age < HOLD_SECONDS else _undecidable(settings, tired=tired)


def _undecidable(settings: ProductSettings, *, tired: bool) -> tuple[str, str | None]:
    match settings.in_doubt_policy:
        case "assume_sent":
            return "accept", None
        case "send_again" if not tired:
            return "again", None
        case _:
            return "hold", None
