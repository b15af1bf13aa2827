"""The product's clock: it can stand still, so that historical data looks like today's."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from segmind import clock
from segmind.ui import figures, problems
from segmind.ui.access import Viewer
from segmind.ui.components.confirm import say
from segmind.ui.data import facts, log, workspace
from segmind.workspace.permissions import Action


def show(viewer: Viewer) -> None:
    """Whether it runs, and the ways to stop and start it."""
    settings = workspace.settings()
    locked = not viewer.may(Action.EDIT_SETTINGS)
    frozen = settings.clock_frozen_at
    with st.container(border=True, width=640):
        if frozen:
            st.markdown(
                f":orange-badge[:material/pause_circle: Stands still] at "
                f"**{figures.instant(frozen, settings.zone)}**"
            )
            st.caption("Every window, segment and schedule is asked as of that moment.")
            if st.button("Let it run", type="primary", disabled=locked, key="dat_thaw"):
                with problems.shown("Let the clock run"):
                    log.freeze_clock(None)
                    say("The clock runs")
                    st.rerun()
            return
        st.markdown(":green-badge[:material/play_circle: Runs] with the system's time")
        st.caption(
            "For historical data, let it stand still at the data's end: the last 30 days are then "
            "the last 30 days of the data."
        )
        last = facts.facts().log.last_ts or clock.now()
        local = last.astimezone(settings.zone).replace(tzinfo=None, microsecond=0)
        at = st.datetime_input(
            f"Stand still at, in {settings.timezone}", local, key="dat_freeze_at", disabled=locked
        )
        if st.button("Let it stand still", disabled=locked, key="dat_freeze"):
            with problems.shown("Stop the clock"):
                if isinstance(at, datetime):
                    log.freeze_clock(at.replace(tzinfo=settings.zone))
                    say("The clock stands still")
                    st.rerun()
