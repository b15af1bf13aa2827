"""What just happened, as it happens."""

from __future__ import annotations

import streamlit as st

from segmind.ui import figures, problems
from segmind.ui.data import overview, workspace
from segmind.ui.store import now
from segmind.ui.views.event_line import event_line


def show() -> None:
    """The card; asks the log anew every two seconds."""
    with st.container(border=True, height="stretch", key="ov_live"):
        st.subheader(
            "Live",
            anchor=False,
            help="The newest events of the log: acts in the shop and receipts of messages.",
        )
        _stream()


@st.fragment(run_every="2s")
@problems.guarded
def _stream() -> None:
    lines = [
        f"{event_line(row)} :gray[·] [customer {row['customer_id']}]"
        f"(/customer?id={row['customer_id']}) :gray[· {figures.ago(row['ts'], now())}]"
        for row in overview.live()
    ]
    if not lines:
        st.caption("It is quiet. The next event will show here within two seconds.")
        return
    st.markdown("  \n".join(lines))
    zone = workspace.settings().zone
    st.caption(f"As of {now().astimezone(zone):%H:%M:%S}")
