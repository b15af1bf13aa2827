"""How long a doubt waits for evidence, and what is evidence: by channel, as data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sqlalchemy import RowMapping

from segmind.channels.provider import Finding, Found, NotFound, Provider, Unknown
from segmind.consent.purpose import Purpose
from segmind.events.schema import Channel
from segmind.workspace.product_settings import ProductSettings


@dataclass(frozen=True, slots=True)
class DoubtPolicy:
    """How a channel's doubts are settled; seconds count from the end of the lease.

    ``grace_seconds``: how long evidence may still come before a provider's "not found" counts.
    ``most_rounds``: how often a proved absence is followed by another try.
    ``silence_seconds``: a provider that cannot be asked, but reports on everything that it takes,
    and has said nothing of a message for so long, while reports on what happened later came in,
    does not have it (marketing, others). None: silence proves nothing.
    ``flush_seconds``: reports come within so much of the call.
    ``ask_again_seconds``: the shortest and the longest wait between two questions to a provider;
    between them it is as long as the doubt is old.
    """

    grace_seconds: float
    most_rounds: int = 2
    silence_seconds: tuple[float, float] | None = None
    flush_seconds: float = 30.0
    ask_again_seconds: tuple[float, float] = (10.0, 600.0)

    def wait(self, age: float) -> float:
        """Seconds until a provider is asked again about a doubt of this age (seconds)."""
        shortest, longest = self.ask_again_seconds
        return min(max(age, shortest), longest)


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


@dataclass(frozen=True, slots=True)
class AskAgain:
    """Nothing decides yet; the message is looked at again in so many seconds, so that those that
    wait do not stand before others. A receipt settles it at once."""

    seconds: float


class Heard(NamedTuple):
    """What came in from a provider: of when its latest report is, and since how many seconds
    reports of it wait to be read (0: all are). Who has not read everything, or hears of things long
    past, has heard no silence."""

    at: datetime
    behind: float


#: ("accept", the provider's id), ("again", None) or ("hold", None).
Decision = tuple[str, str | None]


def judge(
    row: RowMapping,
    provider: Provider,
    find: Callable[[], Finding] | None,
    rules: dict[Channel, DoubtPolicy],
    settings: ProductSettings,
    heard: dict[str, Heard],
) -> Decision | AskAgain:
    """What to do about a message in doubt.

    ``row``: the message with ``doubt_age`` (seconds), ``rounds`` and ``asked_since``; ``find`` asks
    the provider about it (None: it cannot be asked); ``heard``: what came in from each provider.
    """
    policy = rules[Channel(row["channel"])]
    tired = row["rounds"] >= policy.most_rounds
    if provider.capabilities.repeat_is_harmless:
        return ("again", None) if not tired else _undecidable(settings, tired=True)
    age = float(row["doubt_age"])
    if find is not None:
        match find():
            case Found(provider_id):
                return "accept", provider_id
            case NotFound():
                proves_from = 0.0 if provider.name in EXACT_LOOK_UP else policy.grace_seconds
                if age < proves_from:
                    return AskAgain(min(policy.wait(age), proves_from - age))
                return ("again", None) if not tired else _undecidable(settings, tired=True)
            case Unknown():
                if age < HOLD_SECONDS:
                    return AskAgain(policy.wait(age))
    elif provider.capabilities.receipts and policy.silence_seconds is not None:
        marketing, other = policy.silence_seconds
        enough = marketing if row["purpose"] == Purpose.MARKETING else other
        last = heard.get(row["provider"])
        if last is not None and not tired:
            flushed = row["asked_since"] + timedelta(seconds=policy.flush_seconds)
            if last.at > flushed:
                if age - last.behind >= enough:
                    return "again", None
                return AskAgain(policy.ask_again_seconds[0])
    if age < HOLD_SECONDS:
        return AskAgain(policy.ask_again_seconds[0])
    return _undecidable(settings, tired=tired)


def _undecidable(settings: ProductSettings, *, tired: bool) -> Decision:
    match settings.in_doubt_policy:
        case "assume_sent":
            return "accept", None
        case "send_again" if not tired:
            return "again", None
        case _:
            return "hold", None
