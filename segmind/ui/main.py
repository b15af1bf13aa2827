"""The entry script of the UI: frame, gate, then the page.

It lies in a folder without a ``pages/`` beside it on purpose: with one, Streamlit would run page
files alone on a first visit by deep link, past the gate.
"""

from __future__ import annotations

import streamlit as st

from segmind.ui import access, frame, navigation, problems, theme
from segmind.ui.data import facts

st.set_page_config(page_title="Segmind", page_icon=theme.FAVICON, layout="wide")
st.logo(theme.logo(), icon_image=theme.FAVICON, size="medium")

theme.finish()

page, known = None, None
with problems.shown():
    known = access.viewer()
    page = st.navigation(
        navigation.pages(), position="sidebar" if known else "hidden", expanded=True
    )
    st.set_page_config(page_title=f"{page.title} · Segmind")
    with access.seen_by(known):
        who = access.gate()
    frame.banner(who)
    frame.sidebar(who)
if page is not None:
    with problems.shown(), access.seen_by(known), facts.one_look():
        page.run()
