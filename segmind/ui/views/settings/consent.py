"""Consent: hours by law, who may be asked without a yes, what is kept, machine clicks, lists."""

from __future__ import annotations

from typing import Any

import streamlit as st

from segmind.ui import figures, problems
from segmind.ui.access import Viewer
from segmind.ui.components.badges import CHANNELS
from segmind.ui.components.confirm import say
from segmind.ui.data import consent as data
from segmind.ui.data import workspace
from segmind.workspace.permissions import Action
from segmind.workspace.product_settings import ProductSettings


def show(viewer: Viewer) -> None:
    """The rules, then the suppressed addresses."""
    now = workspace.settings()
    locked = not viewer.may(Action.EDIT_SETTINGS)
    _hours(now, locked)
    with st.form("consent_settings"):
        changes = _keeping(now, locked) | _machines(now, locked) | _gaps(now, locked)
        sent = st.form_submit_button("Save", type="primary", disabled=locked, key="set_con_save")
    if sent:
        with problems.shown("Save the settings"):
            workspace.save_settings(changes)
            say("Settings saved")
            st.rerun()
    if not locked:
        _judge_again()
    _suppressions(viewer)


def _hours(now: ProductSettings, locked: bool) -> None:
    st.subheader(
        "Hours by law",
        anchor=False,
        help="They narrow the quiet hours of Sending. Where a customer may live in several places, "
        "a message goes only when all of them are open.",
    )
    st.caption(
        "Text messages, by the wall clock where the customer lives. Without a state, a row holds "
        "for the whole country. Ask your lawyer: these are careful defaults, not advice."
    )
    rows = [_as_row(rule.model_dump(mode="json")) for rule in now.place_hours.get("sms", ())]
    edited = st.data_editor(
        rows or [dict.fromkeys(_COLUMNS, "")],
        num_rows="dynamic",
        hide_index=True,
        disabled=locked,
        column_config={
            name: st.column_config.TextColumn(label) for name, label in _COLUMNS.items()
        },
        key="set_place_hours",
    )
    if st.button("Save the hours", disabled=locked, key="set_hours_save"):
        with problems.shown("Save the hours"):
            laws = [_as_rule(row) for row in edited if str(row.get("country") or "").strip()]
            others = {k: v for k, v in now.place_hours.items() if k != "sms"}
            workspace.save_settings({"place_hours": {**others, "sms": laws}})
            say("Hours saved")
            st.rerun()


_COLUMNS = {
    "country": "Country",
    "state": "State",
    "weekdays": "Monday to Friday",
    "saturday": "Saturday",
    "sunday": "Sunday",
}


def _as_row(rule: dict[str, Any]) -> dict[str, str]:
    days = {name: rule[name] for name in ("weekdays", "saturday", "sunday")}
    spans = {name: "–".join(span) if span else "" for name, span in days.items()}
    return {"country": rule["country"], "state": rule["state"], **spans}


def _as_rule(row: dict[str, Any]) -> dict[str, Any]:
    def span(name: str) -> list[str] | None:
        text = str(row.get(name) or "").replace("-", "–").strip()
        return [part.strip().zfill(5) for part in text.split("–")] if text else None

    places = {name: str(row.get(name) or "").strip().upper() for name in ("country", "state")}
    return {**places, **{name: span(name) for name in ("weekdays", "saturday", "sunday")}}


def _gaps(now: ProductSettings, locked: bool) -> dict[str, Any]:
    st.subheader(
        "Hours between two messages",
        anchor=False,
        help="Besides the caps of Sending: marketing on one channel only, 0 for none. Many shops "
        "take 16 for e-mail and 24 for text messages.",
    )
    caps = {name: cap.model_dump() for name, cap in now.caps.items()}
    columns = st.columns(3)
    for cell, (channel, (label, _)) in zip(columns, CHANNELS.items(), strict=True):
        cap = caps.get(channel)  # type: ignore[call-overload]
        hours = cell.number_input(
            label, 0, 168, cap["gap_hours"] if cap else 0, disabled=locked or cap is None,
            key=f"set_gap_{channel}",
        )  # fmt: skip
        if cap is not None:
            cap["gap_hours"] = int(hours or 0)
    return {"caps": caps}


def _keeping(now: ProductSettings, locked: bool) -> dict[str, Any]:
    st.subheader("What is kept, and for whom", anchor=False)
    cells = st.columns(3)
    kept = now.retention
    days = cells[0].number_input(
        "Receipts with addresses, days", 1, 3650, kept.webhook_days, placeholder="for ever",
        disabled=locked, key="set_keep_receipts",
    )  # fmt: skip
    bodies = cells[1].number_input(
        "Messages' variables, days", 1, 3650, kept.message_days, placeholder="for ever",
        disabled=locked, key="set_keep_messages",
    )  # fmt: skip
    months = cells[2].number_input(
        "Events, months before the newest", 1, 600, kept.event_months, placeholder="for ever",
        disabled=locked, key="set_keep_events",
    )  # fmt: skip
    countries = st.text_input(
        "Countries in which e-mail may go to customers who were never asked",
        ", ".join(now.email_unasked_countries),
        placeholder="none: a recorded yes is always needed",
        disabled=locked,
        help="Two-letter codes with commas, * for all. Who said no never gets any; text messages "
        "always need a yes.",
        key="set_unasked",
    )
    codes = [part.strip().upper() for part in (countries or "").split(",") if part.strip()]
    retention = {"webhook_days": days, "message_days": bodies, "event_months": months}
    return {"retention": retention, "email_unasked_countries": codes}


def _machines(now: ProductSettings, locked: bool) -> dict[str, Any]:
    st.subheader(
        "Opens and clicks that no human made",
        anchor=False,
        help="They are flagged and shown apart, never deleted and never used to decide.",
    )
    rules = now.machine_rules
    cells = st.columns(3)
    quick = cells[0].number_input(
        "Within seconds after delivery", 0, 600, rules.quick_seconds, disabled=locked,
        key="set_machine_quick",
    )  # fmt: skip
    links = cells[1].number_input(
        "Different links clicked", 2, 100, rules.burst_links, disabled=locked,
        key="set_machine_links",
    )  # fmt: skip
    span = cells[2].number_input(
        "within seconds", 1, 600, rules.burst_seconds, disabled=locked, key="set_machine_span"
    )
    agents = st.text_area(
        "User agents that contain", "\n".join(rules.agents), disabled=locked, height=120,
        help="One a line.", key="set_machine_agents",
    )  # fmt: skip
    listed = [line.strip().lower() for line in (agents or "").splitlines() if line.strip()]
    return {
        "machine_rules": {
            "quick_seconds": int(quick or 0),
            "burst_links": int(links or 3),
            "burst_seconds": int(span or 3),
            "agents": listed,
        }
    }


def _judge_again() -> None:
    if st.button("Judge the last 30 days again", key="set_judge", icon=":material/smart_toy:"):
        with problems.shown("Judge again"), st.spinner("Judging opens and clicks again"):
            done = data.judge_again()
            st.success(
                f"{figures.plural(done.messages, 'message')} looked at, "
                f"{figures.plural(done.flipped, 'act')} judged otherwise."
            )


def _suppressions(viewer: Viewer) -> None:
    st.subheader(
        "Suppressed addresses",
        anchor=False,
        help="Kept as keyed hashes: they outlive a customer's erasure and any import.",
    )
    counted = data.suppressions()
    if counted:
        st.dataframe(
            [
                {"Channel": CHANNELS[channel.label][0], "Reason": reason.label, "Addresses": n}
                for channel, by_reason in counted.items()
                for reason, n in by_reason.items()
            ],
            hide_index=True,
            width=520,
        )
    else:
        st.caption("None yet.")
    if viewer.may(Action.EDIT_CUSTOMERS):
        _upload()
    if viewer.may(Action.EXPORT_DATA) and counted:
        _download()


def _download() -> None:
    """Made when asked for: there may be millions."""
    if "set_suppressions" in st.session_state:
        st.download_button(
            "Download all as CSV",
            st.session_state["set_suppressions"],
            file_name="suppressions.csv",
            mime="text/csv",
            icon=":material/download:",
            key="set_suppress_export",
            on_click=lambda: st.session_state.pop("set_suppressions", None),
        )
    elif st.button("Make a CSV of all", icon=":material/csv:", key="set_suppress_make"):
        with problems.shown("Make the list"):
            st.session_state["set_suppressions"] = data.suppressions_csv()
            st.rerun()


def _upload() -> None:
    with st.form("suppress_upload", clear_on_submit=True):
        given = st.file_uploader(
            "Add a list: CSV with channel and address (or address_hash), and perhaps reason",
            type="csv",
            key="set_suppress_file",
        )
        sent = st.form_submit_button("Suppress them", key="set_suppress_add")
    if sent and given is not None:
        with problems.shown("Add the list"):
            done = data.import_suppressions(given.name, given.getvalue())
            if done.rejected:
                st.warning(
                    f"{figures.plural(len(done.rejected), 'row')} not taken, the first: row "
                    f"{done.rejected[0].row}, {done.rejected[0].reason}."
                )
            st.success(f"{figures.plural(done.taken, 'address', 'addresses')} suppressed.")
