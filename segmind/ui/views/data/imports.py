"""Importing a file: upload, name the columns, watch it go, look at what was refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from pathlib import Path
from typing import Any, Final

import streamlit as st

from segmind.events.importers.csv_mapped import NAMES
from segmind.ui import figures, problems
from segmind.ui.access import Viewer
from segmind.ui.components.badges import state_text
from segmind.ui.components.choices import zones
from segmind.ui.components.confirm import say
from segmind.ui.components.jobs import job_lines
from segmind.ui.data import log, workspace
from segmind.workspace.permissions import Action

_GUESSES: Final[Mapping[str, tuple[str, ...]]] = {
    "time": ("time", "timestamp", "event_time", "date", "datetime", "created_at"),
    "event": ("event", "event_type", "event_name", "type", "action"),
    "customer": ("customer", "customer_id", "user_id", "customerid", "userid"),
    "anonymous": ("anonymous_id", "visitor_id", "cookie_id"),
    "event_id": ("event_id", "id", "message_id"),
    "session": ("session", "session_id", "user_session"),
    "order": ("order", "order_id", "invoiceno", "invoice"),
    "product": ("product", "product_id", "sku", "stockcode"),
    "product_name": ("product_name", "description", "title"),
    "category": ("category", "category_code", "product_category"),
    "brand": ("brand",),
    "price": ("price", "unitprice", "unit_price"),
    "quantity": ("quantity", "qty"),
    "value": ("value", "amount", "total", "revenue"),
    "currency": ("currency",),
    "country": ("country",),
}
_UPLOAD: Final = "dat_upload"
_TURN: Final = "dat_turn"
_DRAWN: Final = "dat_drawn"
_WHO: Final = frozenset({"customer", "anonymous"})


def show(viewer: Viewer) -> None:
    """The form, what is running, what was imported."""
    if viewer.may(Action.IMPORT_DATA):
        _form()
    else:
        st.caption(f"Your role, {viewer.role}, may look but not import.")
    runs = log.imports()
    st.session_state[_DRAWN] = _states(runs)
    _running()
    _past(runs, viewer)


def _states(runs: Sequence[Mapping[str, Any]]) -> list[tuple[int, str]]:
    """What the page has drawn of the imports: a short one begins and ends between two looks."""
    return [(run["id"], run["state"]) for run in runs]


def _form() -> None:
    with st.container(border=True, key="dat_import_form"):
        st.subheader("Import a file of events", anchor=False)
        st.caption(
            "CSV, plain or gzipped. Every row is accepted, repeated or rejected with its reason; "
            "importing a file twice changes nothing."
        )
        left, right = st.columns([1, 1])
        format_name = left.selectbox(
            "Format", list(log.FORMATS), format_func=log.FORMATS.__getitem__, key="dat_format"
        )
        # After a start the next upload is another one: the same file is not begun twice by mistake.
        turn = st.session_state.setdefault(_TURN, 0)
        given = right.file_uploader("File", type=["csv", "gz"], key=f"dat_file_{turn}")
        if given is None:
            return
        with problems.shown("Read the file"):
            path = _kept(given)
            header = log.header_of(path)
            columns: dict[str, str] = {}
            constants: dict[str, str] = {}
            missing: list[str] = []
            if format_name == "csv":
                _beginning(path)
                columns, constants = _mapping(header)
                missing = _missing({*columns, *constants})
            with st.container(horizontal=True, vertical_alignment="center"):
                pressed = st.button(
                    "Import", type="primary", disabled=bool(missing), key="dat_start"
                )
                if missing:
                    st.caption(f"Say which column is {' and which is '.join(missing)}.")
            if pressed:
                log.start_import(path, format_name, columns, constants)
                st.session_state.pop(_UPLOAD, None)
                st.session_state[_TURN] = turn + 1
                say("The import runs. You can leave this page.")
                st.rerun()


def _beginning(path: Path) -> None:
    """The first rows, so that one sees which column is what."""
    rows = log.first_rows(path)
    if rows.height:
        st.dataframe(rows, hide_index=True, alt="The first rows of the file")


def _missing(given: Set[str]) -> list[str]:
    """What an import cannot do without, and nobody has named."""
    needed = {"the time": {"time"}, "the event": {"event"}, "the customer": _WHO}
    return [name for name, any_of in needed.items() if not any_of & given]


def _kept(given: Any) -> Path:
    """The upload on disk; written once for each upload."""
    held = st.session_state.get(_UPLOAD)
    if held and held[0] == given.file_id and Path(held[1]).exists():
        return Path(held[1])
    path = log.keep_upload(given.name, given)
    st.session_state[_UPLOAD] = (given.file_id, str(path))
    return path


def _mapping(header: list[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Which column is what; guessed from the names, to be corrected."""
    st.caption("Which column is what? Time, event and one of customer or anonymous are needed.")
    columns: dict[str, str] = {}
    lowered = {name.lower(): name for name in header}
    with st.grid(4, min_column_width=180):
        for name in NAMES:
            guess = next((lowered[g] for g in _GUESSES.get(name, ()) if g in lowered), None)
            picked = st.selectbox(
                name.replace("_", " ").capitalize(),
                header,
                index=header.index(guess) if guess else None,
                placeholder="not in the file",
                key=f"dat_map_{name}",
            )
            if picked:
                columns[name] = picked
    constants: dict[str, str] = {}
    left, right = st.columns(2)
    if "event" not in columns:
        fixed = left.text_input(
            "The event of every row", placeholder="order_completed", key="dat_const_event"
        )
        if fixed:
            constants["event"] = fixed
    zone = right.selectbox("Time zone of times that name none", zones(), key="dat_const_zone")
    constants["zone"] = zone
    return columns, constants


@st.fragment(run_every="1s")
@problems.guarded
def _running() -> None:
    running = [j for j in workspace.jobs() if j.kind == "import" and j.state == "running"]
    if _states(log.imports()) != st.session_state.get(_DRAWN):
        st.rerun()
    if running:
        with st.container(border=True, key="dat_import_running"):
            job_lines(running)


def _past(runs: Sequence[Mapping[str, Any]], viewer: Viewer) -> None:
    zone = workspace.settings().zone
    if not runs:
        st.caption("Nothing was imported yet.")
        return
    st.subheader("Imports", anchor=False)
    for run in runs:
        report = run["report"] or {}
        with st.container(border=True, gap="xsmall", key=f"import_{run['id']}"):
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(f"**{run['file_name']}** {state_text(run['state'])}", width="stretch")
                st.caption(
                    f"{run['format']} · {figures.instant(run['started_at'], zone)}", width="content"
                )
                _rejects(run, viewer)
            st.markdown(
                f"{figures.plural(run['rows'], 'row')} = **{figures.count(run['accepted'])}** "
                f"accepted + {figures.count(run['repeated'])} repeated + "
                f"{figures.count(run['rejected'])} rejected"
            )
            if report.get("problem"):
                st.caption(f":red[{report['problem']}]")
            for reason, n in list((report.get("reasons") or {}).items())[:4]:
                st.caption(f"{figures.count(n)} x {reason}")


def _rejects(run: Mapping[str, Any], viewer: Viewer) -> None:
    if not run["rejected"]:
        return
    st.download_button(
        "Rejected rows",
        data=lambda: log.rejects(run["id"]),
        file_name=f"{run['file_name']}.rejects.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
        disabled=not viewer.may(Action.EXPORT_DATA),
        key=f"rejects_{run['id']}",
    )
