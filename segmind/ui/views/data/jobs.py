"""Who works on the log, and the long jobs."""

from __future__ import annotations

import streamlit as st

from segmind.ui import figures, problems
from segmind.ui.access import Viewer
from segmind.ui.components.badges import state_text
from segmind.ui.components.empty import empty_state
from segmind.ui.data import log, workspace


def show(_: Viewer) -> None:
    """The schedulers and the newest jobs, asked anew every two seconds."""
    _live()


@st.fragment(run_every="2s")
@problems.guarded
def _live() -> None:
    _schedulers()
    jobs = workspace.jobs()
    if not jobs:
        empty_state(
            "No long jobs yet",
            "Imports, launches and exports show here with their progress.",
            icon="work_history",
            key="jobs",
        )
    zone = workspace.settings().zone
    for job in jobs:
        with st.container(border=True, gap="xsmall", key=f"job_{job.id}"):
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(f"**{job.title}** {state_text(job.state)}", width="stretch")
                st.caption(figures.instant(job.started_at, zone), width="content")
            if job.state == "running":
                done = figures.count(job.done)
                of = f" of {figures.count(job.total)}" if job.total else ""
                st.progress(job.share or 0.0, text=f"{done}{of} {job.message}".strip())
            elif job.message:
                st.caption(job.message)


def _schedulers() -> None:
    alive = [each for each in log.schedulers() if each.alive]
    if not alive:
        st.warning(
            "**No scheduler runs.** Campaigns do not start, messages do not leave and segments "
            "are not counted. Start one with `./run.sh scheduler` (`./run.sh` starts one, too).",
            icon=":material/warning:",
        )
        return
    for each in alive:
        late = f", {each.lag_seconds:.1f} s late" if each.lag_seconds >= 0.5 else ""
        st.markdown(
            f":green-badge[:material/play_circle: Running] scheduler **{each.process}**, last sign "
            f"{each.silent_seconds:.0f} s ago{late}"
        )
