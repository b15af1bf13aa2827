"""Long jobs: how far they are, or how they ended."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from segmind.db.jobs import Job
from segmind.ui import figures
from segmind.ui.components.badges import state_text


def job_lines(jobs: Sequence[Job]) -> None:
    """One line a job: title, state, progress, message."""
    for job in jobs:
        st.markdown(f"**{job.title}** {state_text(job.state)}")
        if job.state == "running":
            done = figures.count(job.done)
            of = f" of {figures.count(job.total)}" if job.total else ""
            st.progress(job.share or 0.0, text=f"{done}{of} {job.message}".strip())
        elif job.message:
            st.caption(job.message)
