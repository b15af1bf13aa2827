"""What a rule means right now: how many, what share, whom it reaches, who for example."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from segmind.customers.queries import CustomerRow
from segmind.segments.preview import Preview
from segmind.ui import figures
from segmind.ui.components.badges import CHANNELS
from segmind.ui.components.customer_table import customer_grid


def result_card(found: Preview, sentence: str, as_of: str, sample: Sequence[CustomerRow]) -> None:
    """Show the answer to a what-if, with how long it took and of which moment it speaks."""
    with st.container(border=True, key="result_card"):
        st.metric(
            "Customers",
            figures.count(found.count),
            help=f"Of {figures.count(found.base)} customers",
        )
        st.progress(
            min(1.0, found.share_of_base),
            text=f"{figures.percent(found.share_of_base)} of {figures.count(found.base)} customers",
        )
        st.markdown(sentence.replace("$", "\\$"))
        st.caption("Marketing may reach")
        with st.container(horizontal=True, horizontal_alignment="distribute"):
            for channel, (label, icon) in CHANNELS.items():
                reached = found.reach.get(channel, 0)
                with st.container(width="content", gap="xxsmall"):
                    st.markdown(f":material/{icon}: **{figures.count(reached)}**")
                    st.caption(f"{label} · {figures.share(reached, found.count, 0)}")
        st.caption(
            f"Exact, as of {as_of}, in {figures.count(found.took_ms)} ms. One person can be "
            "reached on several channels."
        )
        if found.notice:
            st.info(found.notice, icon=":material/info:")
        if found.incomplete:
            st.warning(
                f"{figures.plural(len(found.incomplete), 'event file')} could not be read: the "
                "count leaves them out. See Data.",
                icon=":material/warning:",
            )
    if sample:
        with st.container(border=True, key="result_sample"):
            st.markdown(f"**{figures.plural(len(sample), 'customer')}, for example**")
            customer_grid(sample)
