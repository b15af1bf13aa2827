"""The one store of the web process, as the pages reach it."""

from __future__ import annotations

import os
from datetime import datetime

import streamlit as st

from segmind import clock
from segmind.db.engine import Store, open_store
from segmind.settings import VARIABLES, from_environment
from segmind.workspace import product_clock


def store() -> Store:
    """The store that the environment names, opened once a process.

    Raises:
        DatabaseDown: PostgreSQL does not answer.
    """
    return _opened(tuple((name, os.environ.get(name, "")) for name in VARIABLES))


@st.cache_resource(show_spinner=False, max_entries=4)
def _opened(environment: tuple[tuple[str, str], ...]) -> Store:
    settings = from_environment({name: value for name, value in environment if value})
    opened = open_store(settings, wait=2.0)
    product_clock.follow(opened)
    return opened


def now() -> datetime:
    """The product's present instant (it can stand still, see Data)."""
    return clock.now()
