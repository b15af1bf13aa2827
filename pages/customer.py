"""One customer: who, reachable how, what they did and got, and in which segments they are."""

import streamlit as st

from segmind.errors import NotFound
from segmind.ui import access
from segmind.ui.components.confirm import say_what_was_done
from segmind.ui.components.empty import empty_state
from segmind.ui.components.header import page_header
from segmind.ui.components.sections import open_section
from segmind.ui.data import customers
from segmind.ui.navigation import id_in_url, page
from segmind.ui.views.customers import consents, memberships, messages, profile, rights, timeline

viewer = access.gate()
say_what_was_done()
try:
    person = customers.read(id_in_url() or 0)
except NotFound:
    page_header("Customer", back=("Customers", page("customers")))
    empty_state(
        "There is no such customer",
        "They may have been erased or merged with another one.",
        icon="person_off",
        action="All customers",
        page=page("customers"),
        key="customer",
    )
    st.stop()

page_header(person.customer.name, profile.facts(person), back=("Customers", page("customers")))
profile.figures_row(person)
profile.prospect_row(person)
left, right = st.columns([1.7, 1])
with left:
    SECTIONS = {
        "Timeline": timeline.show,
        "Messages": messages.show,
        "Segments": memberships.show,
        "Consent": consents.show,
    }
    SECTIONS[open_section(SECTIONS, key="cst_tab")](person)
with right:
    profile.channels(person, viewer)
    profile.about(person)
    rights.show(person, viewer)
