"""The one place where a provider is called to send: nothing that it does can escape."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from math import inf

from segmind.channels.deadline import hand_over_until
from segmind.channels.outcome import InDoubt, Outcome
from segmind.channels.provider import Provider
from segmind.messages.rendering import Rendered

log = logging.getLogger(__name__)


def outcomes_of(provider: Provider, going: Sequence[Rendered], until: float = inf) -> list[Outcome]:
    """What the provider says; an exception or an answer of the wrong length leaves all in doubt.

    No request begins after ``until`` (by ``time.monotonic()``).
    """
    try:
        with hand_over_until(until):
            outcomes = provider.send([item.parcel for item in going])
    except Exception as error:
        log.exception("%s broke while sending.", provider.name)
        return [InDoubt(f"The call broke: {type(error).__name__}.") for _ in going]
    if len(outcomes) != len(going):
        log.error("%s answered for %d of %d.", provider.name, len(outcomes), len(going))
        return [InDoubt("The provider did not answer for every message.") for _ in going]
    return list(outcomes)
