"""Who is looking, and what they may do. Every page asks first; every action asks again.

A script cannot set a cookie: signing in and out are routes of the web process.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from urllib.parse import quote, urlencode, urlsplit

import streamlit as st

from segmind import clock
from segmind.ui.escaped import escaped
from segmind.ui.store import store
from segmind.ui.theme import palette
from segmind.workspace import access, sign_ins
from segmind.workspace.access import Visit
from segmind.workspace.permissions import Action, NotAllowed, Role, may

#: Who acts while the workspace has no members; as the audit calls it.
OPEN_WORKSPACE = "open workspace"


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who is looking. ``is_open``: nobody had to sign in (a new workspace on its own machine)."""

    email: str
    name: str
    role: Role
    is_open: bool = False

    def may(self, action: Action) -> bool:
        """Whether the role allows ``action``; for what to show. ``allow`` decides."""
        return may(self.role, action)


def visit() -> Visit:
    """Where this browser session came from."""
    return Visit(client=st.context.ip_address, host=st.context.headers.get("Host"))


def session_cookie() -> str | None:
    """The secret of this browser's sign-in, as it was when the page was opened."""
    return st.context.cookies.get(sign_ins.COOKIE)


def viewer() -> Viewer | None:
    """Who is looking as of now: roles and sign-ins that ended count at once."""
    opened = store()
    with opened.engine.connect() as conn:
        member = sign_ins.who(conn, session_cookie(), clock.wall())
        if member is not None:
            return Viewer(member.email, member.name, member.role)
        if access.is_open(conn, opened.settings, visit()):
            return Viewer(OPEN_WORKSPACE, "", Role.OWNER, is_open=True)
    return None


def by_whom(actor: str, viewer: Viewer) -> str:
    """`` by ana@shop.example``, as Markdown, of what somebody did meanwhile; empty where nobody
    had to say who they are."""
    if actor in {"", OPEN_WORKSPACE}:
        return ""
    return " by you in another tab" if actor == viewer.email else f" by {escaped(actor)}"


_seen_by: ContextVar[Viewer | None] = ContextVar("seen_by", default=None)


@contextmanager
def seen_by(known: Viewer | None) -> Iterator[None]:
    """Let ``gate`` know in this block who was found to be looking; writing asks anew."""
    mark = _seen_by.set(known)
    try:
        yield
    finally:
        _seen_by.reset(mark)


def gate() -> Viewer:
    """The viewer; anybody else sees the way to the sign-in and nothing of the page."""
    found = _seen_by.get() or viewer()
    if found is None:
        _ask_to_sign_in()
        st.stop()
    return found


def allow(action: Action) -> Viewer:
    """The viewer, if they may do ``action`` at this moment; asked by everything that writes.

    Raises:
        NotAllowed: the sign-in ended, or the role does not allow it.
    """
    found = viewer()
    if found is None:
        raise NotAllowed("Your sign-in has ended.", hint="Sign in again.")
    if not found.may(action):
        raise NotAllowed(f"Your role, {found.role}, does not allow this.")
    return found


def _ask_to_sign_in() -> None:
    colours = palette()
    # The context's address has no query: the page's parameters are Streamlit's own.
    path = urlsplit(st.context.url or "/").path or "/"
    asked = [(name, each) for name in st.query_params for each in st.query_params.get_all(name)]
    back = quote(f"{path}?{urlencode(asked)}" if asked else path, safe="")
    with st.container(horizontal_alignment="center"):
        st.space("large")
        with st.container(border=True, width=420, horizontal_alignment="center", key="sign_in"):
            st.title("Sign in to Segmind", anchor=False, text_alignment="center")
            st.markdown("This workspace is for its members.", text_alignment="center")
            st.html(
                f'<p style="text-align:center"><a href="/login?next={back}" target="_self" '
                f'style="display:inline-block;padding:.55rem 1.4rem;border-radius:8px;'
                f'background:#4F46E5;color:#fff;font-weight:600;text-decoration:none">'
                f'Go to the sign-in page</a></p><p style="text-align:center;color:{colours.muted};'
                f'font-size:.85rem">An owner or admin of the workspace can add you.</p>'
            )
