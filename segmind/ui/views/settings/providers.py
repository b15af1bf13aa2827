"""Providers: credentials (written, never shown), where they report to, checks and test messages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import streamlit as st

from segmind.ui import figures, problems
from segmind.ui.access import Viewer
from segmind.ui.components.badges import CHANNELS
from segmind.ui.components.confirm import confirm, say
from segmind.ui.data import providers as data
from segmind.ui.data import workspace
from segmind.workspace.permissions import Action


@dataclass(frozen=True, slots=True)
class Field:
    """One value that a provider asks for."""

    label: str
    secret: bool = False
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Card:
    """How a provider is shown. ``reports``: what its webhook brings, where it has one;
    ``address``: what a test message goes to."""

    title: str
    channel: str
    fields: dict[str, Field]
    reports: str
    address: str


_BASE_URL = Field("API address, only for rehearsals", optional=True)

CARDS: dict[str, Card] = {
    "twilio": Card(
        "Twilio",
        "sms",
        {
            "account_sid": Field("Account SID"),
            "auth_token": Field("Auth token", secret=True),
            "from": Field("Sender: a number or a messaging service id (MG…)"),
            "base_url": _BASE_URL,
        },
        "Inbound messages (statuses find their way by themselves)",
        "+4915112345678",
    ),
    "sendgrid": Card(
        "SendGrid",
        "email",
        {
            "api_key": Field("API key", secret=True),
            "from": Field("Sender address"),
            "webhook_key": Field("Public key of the signed event webhook", optional=True),
            "base_url": _BASE_URL,
        },
        "Event webhook, signed",
        "you@example.com",
    ),
    "fcm": Card(
        "Firebase Cloud Messaging",
        "push",
        {
            "service_account": Field("Service account, the whole JSON", secret=True),
            "base_url": _BASE_URL,
        },
        "",
        "a device's registration token",
    ),
}


def show(viewer: Viewer) -> None:
    """One card for every provider."""
    st.subheader("Providers", anchor=False)
    st.caption(
        "A channel without credentials goes to the sandbox, which behaves like a carrier and "
        "reaches nobody. Credentials are encrypted and never shown again."
    )
    stored = data.stored_credentials()
    real: frozenset[str] | None = None
    with problems.shown("Open the providers"):
        real = data.real_channels()
    with st.grid(3, min_column_width=250):
        for name, card in CARDS.items():
            with st.container(border=True, height="stretch", key=f"provider_{name}"):
                _state(card, stored.get(name), real)
                _credentials(name, card, stored.get(name), viewer)
                _trials(name, card, viewer)


def _state(card: Card, since: datetime | None, real: frozenset[str] | None) -> None:
    label, icon = CHANNELS[card.channel]
    st.markdown(f"**{card.title}** · :material/{icon}: {label}")
    if since:
        st.badge("Credentials stored", color="green", icon=":material/lock:")
        st.caption(f"since {figures.instant(since, workspace.settings().zone)}")
    elif real is not None and card.channel in real:
        st.badge("Credentials from the environment", color="green", icon=":material/terminal:")
    else:
        st.badge("Sandbox", color="gray", icon=":material/science:")


def _credentials(name: str, card: Card, since: datetime | None, viewer: Viewer) -> None:
    locked = not viewer.may(Action.MANAGE_CREDENTIALS)
    label = "Change credentials" if since else "Enter credentials"
    with st.popover(label, disabled=locked, width="stretch"):
        if since:
            st.caption("Fields left empty stay as they are.")
        with st.form(f"credentials_{name}", clear_on_submit=False, border=False):
            given = {
                key: st.text_input(
                    f"{field.label} (optional)" if field.optional else field.label,
                    type="password" if field.secret else "default",
                    autocomplete="off",
                    key=f"cred_{name}_{key}",
                )
                for key, field in card.fields.items()
            }
            sent = st.form_submit_button("Encrypt and store", type="primary", key=f"store_{name}")
        if sent:
            with problems.shown("Store the credentials"):
                data.save_credentials(name, {key: value or "" for key, value in given.items()})
                for key in card.fields:
                    del st.session_state[f"cred_{name}_{key}"]
                say(f"{card.title} credentials stored")
                st.rerun()
        if card.reports:
            st.caption(f"{card.reports}: have {card.title} call")
            st.code(data.webhook_url(name), language=None, wrap_lines=True)
    if since and not locked and st.button("Remove", key=f"forget_{name}", type="tertiary"):
        confirm(
            f"Remove the {card.title} credentials?",
            f"{CHANNELS[card.channel][0]} messages go to the sandbox from then on.",
            "Remove",
            lambda: data.remove_credentials(name),
            key=f"forget_{name}_dialog",
            done=f"{card.title} credentials removed",
        )


def _trials(name: str, card: Card, viewer: Viewer) -> None:
    checked = st.button(
        "Check connection",
        icon=":material/network_check:",
        disabled=not viewer.may(Action.MANAGE_CREDENTIALS),
        key=f"check_{name}",
        width="stretch",
    )
    with st.popover(
        "Send a test",
        icon=":material/send:",
        disabled=not viewer.may(Action.SEND_MESSAGES),
        width="stretch",
    ):
        with st.form(f"trial_{name}", border=False):
            address = st.text_input("To", placeholder=card.address, key=f"trial_{name}_address")
            sent = st.form_submit_button("Send now", type="primary", key=f"trial_{name}_send")
        if sent:
            with problems.shown("Send the test message"), st.spinner("Sending"):
                trial = data.send_test(card.channel, address or "")
                _tell(trial.ok, trial.sentence)
    if checked:
        with problems.shown("Check the connection"), st.spinner("Asking the provider"):
            answer = data.check(card.channel)
            _tell(answer.ok, answer.detail)


def _tell(ok: bool, sentence: str) -> None:
    if ok:
        st.success(sentence, icon=":material/check_circle:")
    else:
        st.error(sentence, icon=":material/error:")
