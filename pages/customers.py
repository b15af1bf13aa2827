"""Customers: find one person."""

import streamlit as st

from segmind.ui import access, figures
from segmind.ui.components.customer_table import customer_lines
from segmind.ui.components.empty import empty_state
from segmind.ui.components.header import page_header
from segmind.ui.data import customers
from segmind.ui.navigation import page

access.gate()
page_header("Customers")
everybody = customers.count("", True)
if not everybody:
    empty_state(
        "No customers yet",
        "Customers appear when events name them: import a file, or let the shop send identify "
        "and track calls to the API.",
        icon="group",
        action="Import events",
        page=page("data"),
        params={"dat_tab": "Import"},
        key="customers",
    )
    st.stop()

sought = st.text_input(
    "Find a customer",
    type="search",
    live=True,
    placeholder="Name, e-mail, phone or the shop's id",
    icon=":material/search:",
    label_visibility="collapsed",
    key="cus_find",
    bind="query-params",
)
known = st.toggle("Only people with a name or an id", key="cus_known", bind="query-params")
query = (sought or "").strip()
pages = st.session_state.setdefault("cus_pages", [None])
if st.session_state.get("cus_asked") != (query, known):
    st.session_state["cus_asked"] = (query, known)
    pages[:] = [None]
found = customers.search(query, pages[-1], not known)
total = customers.count(query, not known)
more = "10,000 or more" if query and total >= 10_000 else figures.count(total)
st.caption(f"{more} of {figures.plural(everybody, 'customer')}")
if not found.customers:
    st.markdown(f"Nobody begins with **{query}**. Try the beginning of a name or an address.")
else:
    customer_lines(found.customers, key="cus_list")
    with st.container(horizontal=True):
        if len(pages) > 1 and st.button("Back", icon=":material/arrow_back:", key="cus_back"):
            pages.pop()
            st.rerun()
        if found.next and st.button("Next", icon=":material/arrow_forward:", key="cus_next"):
            pages.append(found.next)
            st.rerun()
