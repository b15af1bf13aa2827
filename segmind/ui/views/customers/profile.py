"""Who a customer is and how they may be reached."""

from __future__ import annotations

import streamlit as st

from segmind.customers.profile import ChannelState, Profile
from segmind.ui import figures, problems
from segmind.ui.access import Viewer
from segmind.ui.components.badges import CHANNELS
from segmind.ui.components.confirm import confirm
from segmind.ui.components.metrics import Kpi, metric_row
from segmind.ui.data import customers, insights, workspace
from segmind.ui.store import now
from segmind.workspace.permissions import Action


def facts(person: Profile) -> str:
    """The line below the name."""
    row, zone = person.customer, workspace.settings().zone
    parts = [
        ", ".join(part for part in (row.city, row.country) if part),
        f"id {row.external_id}" if row.external_id else "",
        "anonymous" if row.is_anonymous else "",
        f"customer since {figures.instant(row.created_at, zone)}",
    ]
    return " · ".join(part for part in parts if part)


def figures_row(person: Profile) -> None:
    """Orders, revenue, conversion, last seen."""
    totals, currency = person.totals, workspace.settings().currency
    metric_row(
        [
            Kpi(
                "Net revenue",
                figures.money(totals.net_revenue, currency),
                help=f"{figures.money(totals.revenue, currency)} of orders less "
                f"{figures.money(totals.refunds, currency)} of refunds".replace("$", "\\$"),
            ),
            Kpi(
                "Orders",
                figures.count(totals.orders),
                help=f"Last order {figures.ago(totals.last_order, now())}",
            ),
            Kpi(
                "Conversion",
                figures.percent(totals.conversion),
                help=f"Orders of {figures.plural(totals.sessions, 'session')}",
            ),
            Kpi("Last seen", figures.ago(totals.last_seen, now())),
        ]
    )


def prospect_row(person: Profile) -> None:
    """What the shop's model expects of them, if it says anything."""
    found, currency = insights.prospect(person.customer.id), workspace.settings().currency
    if found is None:
        return
    ahead = f"In the next {found.days} days"
    metric_row(
        [
            Kpi(
                "Still a customer",
                figures.percent(found.alive),
                help="Probability of not having left for good (BG/NBD); who bought once is taken "
                "to be a customer for certain",
            ),
            Kpi(
                "Expected orders",
                figures.short(found.orders),
                help=f"{ahead}: days with an order to be expected",
            ),
            Kpi(
                "Expected revenue",
                figures.money(found.value, currency),
                help=f"{ahead}: net, not discounted",
            ),
        ],
        columns=3,
    )


def channels(person: Profile, viewer: Viewer) -> None:
    """May each channel be used, and since when."""
    with st.container(border=True, key="cst_channels"):
        st.subheader(
            "Channels",
            anchor=False,
            help="Marketing needs an address, a recorded yes, and no suppression.",
        )
        for state in person.channels:
            _channel(person, state, viewer)


def _channel(person: Profile, state: ChannelState, viewer: Viewer) -> None:
    label, icon = CHANNELS[state.channel.label]
    zone = workspace.settings().zone
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        st.markdown(f":material/{icon}: **{label}** {_verdict(state)}", width="stretch")
        if viewer.may(Action.EDIT_CUSTOMERS):
            wanted = not state.consent
            if st.button(
                "Record a yes" if wanted else "Record a no",
                type="tertiary",
                key=f"cst_consent_{state.channel.label}",
            ):
                _ask(person.customer.id, state.channel.label, wanted)
    address = state.address or "no address"
    if state.channel.label == "push" and state.address:
        address = f"{state.address[:10]}…"
    since = (
        f" · {state.source}, {figures.instant(state.recorded_at, zone)}"
        if state.recorded_at
        else ""
    )
    st.caption(f"{address}{since}")


def _verdict(state: ChannelState) -> str:
    if state.suppressed:
        return ":red-badge[:material/block: Suppressed]"
    if state.consent is None:
        return ":gray-badge[:material/help: Never asked]"
    if not state.consent:
        return ":orange-badge[:material/do_not_disturb_on: Said no]"
    return (
        ":green-badge[:material/check_circle: Said yes]"
        if state.address
        else ":gray-badge[:material/link_off: Yes, but no address]"
    )


def _ask(customer_id: int, channel: str, yes: bool) -> None:
    label = CHANNELS[channel][0]

    def record() -> None:
        with problems.shown("Record the consent"):
            customers.record_consent(customer_id, channel, yes)

    confirm(
        f"Record a {'yes' if yes else 'no'} to {label}?",
        "It enters the consent ledger with your name. Record a yes only if you can prove it: they "
        "asked you to, in writing or on a form."
        if yes
        else "They get no marketing on this channel from then on.",
        "Record it",
        record,
        key=f"cst_{channel}_consent",
        done="Recorded",
    )


def about(person: Profile) -> None:
    """Fields, traits, ids and devices."""
    with st.container(border=True, key="cst_about"):
        st.subheader("About", anchor=False)
        known = {
            "E-mail": person.customer.email,
            "Phone": person.customer.phone,
            "Language": person.language,
            "Time zone": person.timezone,
            "Birthday": f"{person.birthday:%-d %B %Y}" if person.birthday else None,
            **{name.replace("_", " "): value for name, value in person.traits.items()},
        }
        said = [f"**{name}** {_shown(value)}" for name, value in known.items() if value is not None]
        st.markdown("  \n".join(said) or "Nothing is known.")
        if person.ids:
            st.caption("Known by")
            st.markdown(
                "  \n".join(
                    f"{each.external_id} :gray[({each.namespace})]" for each in person.ids[:8]
                )
            )
        if person.devices:
            st.caption(figures.plural(len(person.devices), "device"))


def _shown(value: object) -> str:
    return str(value).replace("$", "\\$").replace("*", "\\*").replace("_", "\\_")[:200]
