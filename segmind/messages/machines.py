"""Which opens and clicks no human made: a judgement from what is known, never a deletion.

The signs (delivery notes, section "bot clicks", after what vendors of mail gateways publish): a
known scanner's user agent; a HEAD request; an act before the message was delivered or within
seconds after it; several different links within seconds; every link of the message; the hidden
link, which no human sees, and what happens within seconds of it. An act by a provider that says
itself that it was a machine's stays one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from segmind.workspace.product_settings import MachineRules

#: What stands for the address of an e-mail's hidden link.
HIDDEN: Final = "the hidden link"


@dataclass(frozen=True, slots=True)
class Act:
    """An open (``url`` None) or a click. ``told``: the provider says that it was a machine's;
    ``agent`` None: not known (a provider's report, or forgotten)."""

    at: datetime
    url: str | None = None
    agent: str | None = None
    method: str = "GET"
    told: bool = False


def is_automatic(agent: str, method: str, rules: MachineRules) -> bool:
    """Whether the request by itself was no browser's."""
    lower = agent.lower()
    return method == "HEAD" or not lower.strip() or any(part in lower for part in rules.agents)


def judge(
    acts: Sequence[Act],
    *,
    arrived: datetime | None,
    links: int,
    rules: MachineRules,
) -> list[bool]:
    """Whether each of one message's ``acts`` was a machine's, in their order.

    ``arrived``: when it was delivered (or sent, if nothing says more); ``links``: how many
    different links it has, 0 if unknown.
    """
    clicks = [act for act in acts if act.url is not None]
    traps = [act.at for act in clicks if act.url == HIDDEN]
    return [
        act.told
        or (act.agent is not None and is_automatic(act.agent, act.method, rules))
        or _too_quick(act, arrived, rules)
        or any(abs(act.at - at) <= timedelta(seconds=rules.burst_seconds) for at in traps)
        or (act.url is not None and _in_a_burst(act, clicks, links, rules))
        for act in acts
    ]


def _too_quick(act: Act, arrived: datetime | None, rules: MachineRules) -> bool:
    """At the very instant means that the product's clock stands still: nothing can be said."""
    if arrived is None or act.at == arrived:
        return False
    return act.at - arrived <= timedelta(seconds=rules.quick_seconds)


def _in_a_burst(act: Act, clicks: Sequence[Act], links: int, rules: MachineRules) -> bool:
    """Whether some span of seconds around the click has too many different links, or all of
    several."""
    span = timedelta(seconds=rules.burst_seconds)
    most = 0
    for first in clicks:
        if first.at <= act.at <= first.at + span:
            within = {c.url for c in clicks if first.at <= c.at <= first.at + span}
            most = max(most, len(within))
    return most >= rules.burst_links or (links >= 2 and most >= links)
