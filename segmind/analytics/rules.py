"""The rules that orders can be read under side by side: those of the field and of four vendors.

A vendor's rule is the one that it documents with its default windows, told in our words; the page
is named beside it, and what our log cannot tell is said in the note. All leave out opens and clicks
that a machine made (Klaviyo and Braze do so where it is switched on).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from segmind.analytics.rule import ANY_CHANNEL, Rule, Share, Tier, Window
from segmind.analytics.touches import Act
from segmind.errors import InvalidInput
from segmind.events.schema import Channel
from segmind.workspace.product_settings import ProductSettings

EMAIL, SMS, PUSH = (int(channel) for channel in Channel)


class UnknownRule(InvalidInput):
    """There is no such attribution rule."""

    code = "unknown_rule"


@dataclass(frozen=True, slots=True)
class Windows:
    """How long touches count before an order, as the shop has set it.

    ``days``: of every channel that ``by_channel`` (its code: days) does not name. ``counts``: the
    shallowest act that counts for rules that share among touches; clicks always count.
    """

    days: float = 5
    by_channel: tuple[tuple[int, float], ...] = ()
    counts: Act = Act.OPENED

    def of(self, acts: Sequence[Act]) -> tuple[Window, ...]:
        """The windows of touches of these acts."""
        own = dict(self.by_channel)
        others = tuple(code for code in ANY_CHANNEL if code not in own)
        return tuple(
            window
            for act in acts
            for window in (
                Window(act, 24 * self.days, others),
                *(Window(act, 24 * days, (code,)) for code, days in self.by_channel),
            )
            if window.channels
        )

    @property
    def acts(self) -> tuple[Act, ...]:
        return tuple(act for act in Act if act >= self.counts)


def windows_of(settings: ProductSettings, days: float | None = None) -> Windows:
    """The windows that the workspace has set; ``days`` stands for those of every channel."""
    own = settings.attribution_windows if days is None else {}
    codes = {channel.label: int(channel) for channel in Channel}
    return Windows(
        days=days or settings.attribution_window_days,
        by_channel=tuple(sorted((codes[name], float(each)) for name, each in own.items())),
        counts=Act[settings.attribution_touch.upper()],
    )


def rules(windows: Windows | None = None) -> dict[str, Rule]:
    """Every rule by key, the shop's own first, with its windows; then the vendors'."""
    chosen = windows or Windows()
    touches = chosen.of(chosen.acts)
    clicks = Rule("last_click", "last click", (Tier(chosen.of((Act.CLICKED,)), Share.LAST),))
    shared = [
        Rule(key, name, (Tier(touches, share),))
        for key, name, share in (
            ("last_touch", "last touch", Share.LAST),
            ("first_touch", "first touch", Share.FIRST),
            ("linear", "linear", Share.LINEAR),
            ("position_based", "position-based", Share.POSITION),
            ("time_decay", "time decay", Share.DECAY),
        )
    ]
    return {rule.key: rule for rule in (clicks, *shared, *VENDORS)}


def rule_of(key: str, windows: Windows | None = None) -> Rule:
    """The rule of this key.

    Raises:
        UnknownRule: there is none.
    """
    found = rules(windows)
    if key not in found:
        hint = f"Give one of {', '.join(found)}."
        raise UnknownRule(hint=hint, field="rule")
    return found[key]


#: help.klaviyo.com 28413442705435 and 11118357030555: last touch; accounts since 9 October 2024:
#: 5 days for e-mail clicks and opens and for SMS clicks, 12 hours for SMS deliveries, 24 hours for
#: push opens.
KLAVIYO: Final = Rule(
    "klaviyo",
    "Klaviyo's",
    (
        Tier(
            (
                Window(Act.CLICKED, 120, (EMAIL, SMS)),
                Window(Act.OPENED, 120, (EMAIL,)),
                Window(Act.DELIVERED, 12, (SMS,)),
                Window(Act.OPENED, 24, (PUSH,)),
                Window(Act.CLICKED, 24, (PUSH,)),
            ),
            Share.LAST,
        ),
    ),
    "https://help.klaviyo.com/hc/en-us/articles/28413442705435",
    "A tap on a push message is an open there. Klaviyo's pages differ on whether the window starts "
    "at receipt or at the touch; here it starts at the touch.",
)

#: braze.com/docs conversion events: every campaign that the customer received within the deadline
#: (3 days where no event is chosen) counts the conversion, opened or not.
BRAZE: Final = Rule(
    "braze",
    "Braze's",
    (Tier((Window(Act.DELIVERED, 72),), Share.EACH_SOURCE),),
    "https://www.braze.com/docs/user_guide/engagement_tools/messaging_fundamentals/conversion_events",
    "No open or click is needed. Canvases count from entry there, here from delivery.",
)

#: help.moengage.com 18533818800660: every campaign whose window was open, from receipt
#: (view-through) or from click (click-through). The window is set by campaign; 36 hours is the one
#: of its documentation (article 360038353852).
MOENGAGE_ALL: Final = Rule(
    "moengage_all",
    "MoEngage's All Interactions",
    (Tier((Window(Act.DELIVERED, 36), Window(Act.CLICKED, 36)), Share.EACH_SOURCE),),
    "https://help.moengage.com/hc/en-us/articles/18533818800660",
    "The window is set by campaign there; 36 h is the one of its documentation.",
)

#: The same page: one campaign, the deepest (clicks before views), then the most recent.
MOENGAGE_LAST: Final = Rule(
    "moengage_last",
    "MoEngage's Last Interaction",
    (
        Tier((Window(Act.CLICKED, 36),), Share.LAST),
        Tier((Window(Act.DELIVERED, 36),), Share.LAST),
    ),
    "https://help.moengage.com/hc/en-us/articles/18533818800660",
    "The window is set by campaign there; 36 h is the one of its documentation.",
)

#: documentation.onesignal.com custom outcomes: direct (a tap opened the session in which it
#: happened), else influenced (push received in the 24 hours before, up to the last 10, each counts
#: it), else unattributed. Push messages only.
ONESIGNAL: Final = Rule(
    "onesignal",
    "OneSignal's outcomes",
    (
        Tier((Window(Act.CLICKED, 0.5, (PUSH,)),), Share.LAST),
        Tier((Window(Act.DELIVERED, 24, (PUSH,)),), Share.EACH_MESSAGE, most=10),
    ),
    "https://documentation.onesignal.com/docs/custom-outcomes",
    "Push only. A direct outcome is one within 30 minutes of the tap here, since the log does not "
    "tell which session a tap opened.",
)

VENDORS: Final = (KLAVIYO, BRAZE, MOENGAGE_ALL, MOENGAGE_LAST, ONESIGNAL)
