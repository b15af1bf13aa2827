"""What is around every page: the banner of an open workspace, freshness, jobs, who is signed in."""

from __future__ import annotations

import streamlit as st

from segmind.ui import figures, problems
from segmind.ui.access import Viewer
from segmind.ui.components.jobs import job_lines
from segmind.ui.data import workspace
from segmind.ui.navigation import page
from segmind.ui.store import now


def banner(viewer: Viewer) -> None:
    """Say that anybody on this machine can use the workspace, while that is so."""
    if not viewer.is_open:
        return
    with st.container(
        horizontal=True,
        vertical_alignment="center",
        horizontal_alignment="distribute",
        gap="small",
        key="open_banner",
    ):
        st.caption(
            ":material/lock_open: **This workspace is open** to everybody on this machine. "
            "Adding the first member closes it.",
            width="content",
        )
        st.page_link(
            page("settings"),
            label="Add a member",
            icon=":material/person_add:",
            query_params={"set_tab": "Members"},
        )


def sidebar(viewer: Viewer) -> None:
    """The lines below the navigation."""
    settings = workspace.settings()
    with st.sidebar:
        st.space("stretch")
        with st.container(gap="xsmall", key="frame"):
            _jobs()
            _time(settings.clock_frozen_at is not None)
            st.caption(f"{settings.shop_name} · {settings.timezone} · {settings.currency}")
            if not viewer.is_open:
                st.html(
                    f'<span style="font-size:.85rem">{_plain(viewer.name or viewer.email)} · '
                    f'{viewer.role} · <a href="/logout" target="_self">Sign out</a></span>'
                )


@st.fragment(run_every="15s")
@problems.guarded
def _jobs() -> None:
    running = [job for job in workspace.jobs() if job.state == "running"]
    if running:
        with st.popover(
            figures.plural(len(running), "job") + " running",
            icon=":material/autorenew:",
            type="tertiary",
        ):
            job_lines(running)


def _time(frozen: bool) -> None:
    zone = workspace.settings().zone
    if frozen:
        st.caption(
            f":material/pause_circle: Time stands still at {figures.instant(now(), zone)}",
            help="The product's clock is frozen for historical data. See Data.",
        )


def _plain(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
