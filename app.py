"""The web process: the UI at /, the API at /api, sign-in, and the links in messages.

``streamlit run app.py`` or ``uvicorn app:app``. The entry script lies in a folder without a
``pages/`` beside it: next to one, Streamlit would run page files past the gate.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from segmind.api import api, sending
from segmind.api.security_headers import SecurityHeaders
from segmind.api.web import routes

log = logging.getLogger("segmind.web")


@asynccontextmanager
async def lifespan(_: object) -> AsyncIterator[None]:
    """A mounted API's own lifespan would never run: enter it here."""
    sending.at_once()  # the server has its socket by now
    async with api.router.lifespan_context(api):
        yield


def report(error: Exception) -> bool:
    """Log what a page did not expect; Streamlit shows that something went wrong."""
    log.error("A page failed.", exc_info=error)
    return False


app = st.App(
    Path(__file__).resolve().parent / "segmind" / "ui" / "main.py",
    routes=routes(api),
    middleware=[Middleware(SecurityHeaders)],
    lifespan=lifespan,
    on_script_error=report,
)
