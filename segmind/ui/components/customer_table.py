"""Customers in a list, masked: the page of one of them shows the rest."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from segmind.customers.queries import CustomerRow
from segmind.ui import figures
from segmind.ui.navigation import page

#: Rows of a sample that are seen without scrolling in it.
_IN_SIGHT = 8


def customer_lines(customers: Sequence[CustomerRow], *, key: str) -> None:
    """One line a customer; the name opens the profile."""
    with st.container(border=True, gap="xxsmall", key=key):
        for customer in customers:
            with st.container(
                horizontal=True,
                vertical_alignment="center",
                gap="small",
                key=f"{key}_{customer.id}",
            ):
                st.page_link(
                    page("customer"),
                    label=f"**{_name(customer)}**",
                    icon=":material/person:",
                    query_params={"id": str(customer.id)},
                    width=220,
                )
                st.caption(_known_of(customer) or figures.DASH, width="content")


def customer_grid(customers: Sequence[CustomerRow]) -> None:
    """A dense table of masked customers, for samples."""
    st.dataframe(
        {
            "Customer": [_name(customer) for customer in customers],
            "E-mail": [figures.mask_email(customer.email) for customer in customers],
            "Open": [f"/customer?id={customer.id}" for customer in customers],
        },
        hide_index=True,
        height=300 if len(customers) > _IN_SIGHT else "content",
        column_config={"Open": st.column_config.LinkColumn("Open", display_text="Profile")},
        alt="A sample of customers, masked",
    )


def _known_of(customer: CustomerRow) -> str:
    """How to reach the customer and where he is, as far as known: one text, which wraps well."""
    place = ", ".join(part for part in (customer.city, customer.country) if part)
    email, phone = figures.mask_email(customer.email), figures.mask_phone(customer.phone)
    return " · ".join(part for part in (email, phone, place) if part)


def _name(customer: CustomerRow) -> str:
    if customer.first_name or customer.last_name:
        return figures.mask_name(customer.first_name, customer.last_name)
    return customer.external_id or f"Customer {customer.id}"
