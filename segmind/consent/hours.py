"""The hours that hold for one recipient: the shop's own for the channel, and the law's where they
live."""

from __future__ import annotations

from functools import lru_cache

from segmind.consent.quiet_hours import ALWAYS, Week
from segmind.consent.zones import Place
from segmind.events.schema import Channel
from segmind.workspace.product_settings import ChannelName, PlaceHours, ProductSettings, QuietHours


def week_for(settings: ProductSettings, channel: Channel, place: Place) -> Week:
    """When a marketing message may be sent on the channel to somebody at ``place``.

    Every rule of the country and of the state counts, and the shop's own hours: open is what all
    of them allow. A rule of a state does not reach customers whose state is unknown.
    """
    name: ChannelName = channel.label  # type: ignore[assignment]
    return _week(
        settings.quiet_hours.get(name),
        settings.place_hours.get(name, ()),
        place.country,
        place.state,
    )


@lru_cache(maxsize=4_096)
def _week(
    quiet: QuietHours | None, rules: tuple[PlaceHours, ...], country: str, state: str
) -> Week:
    week = Week.outside(quiet.starts, quiet.ends) if quiet else ALWAYS
    for rule in rules:
        if rule.country == country and rule.state in ("", state):
            week = week & _hours(rule)
    return week


@lru_cache(maxsize=1_024)
def _hours(rule: PlaceHours) -> Week:
    saturday = rule.saturday or rule.weekdays
    return Week.within([rule.weekdays] * 5 + [saturday, rule.sunday or saturday])
