"""Files that a signed-in member takes along, streamed straight from the web process.

A page would hold the whole file in memory; a route hands it out portion by portion.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from segmind import clock
from segmind.api import calm
from segmind.api import html_page as html
from segmind.api.segment_sets import as_download
from segmind.api.stores import Stores
from segmind.api.visits import came_from_elsewhere, visit_of
from segmind.db.engine import Store
from segmind.errors import InvalidInput, NotFound
from segmind.segments import export
from segmind.segments.export import Form
from segmind.workspace import access, sign_ins
from segmind.workspace.permissions import Action, NotAllowed, Role, may
from segmind.workspace.sign_ins import COOKIE

#: As the audit names somebody in a workspace without members.
_OPEN: Final = "open workspace"
_FORMS: Final[dict[str, Form]] = {"csv": "csv", "parquet": "parquet"}


def routes(stores: Stores) -> list[Route]:
    """``/download/segments/{id}?format=csv|parquet&personal_data=0|1&as_of=``."""
    pages = _Downloads(stores)
    return [calm.route("/download/segments/{segment_id:int}", pages.segment, ["GET"])]


class _Downloads:
    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    async def segment(self, request: Request) -> Response:
        if came_from_elsewhere(request):
            text = html.paragraph("Open the segment in Segmind and download it there.")
            return html.page("This link was followed from elsewhere", text, status=403)
        return await run_in_threadpool(self._segment, request)

    def _segment(self, request: Request) -> Response:
        store = self._stores.get()
        personal = request.query_params.get("personal_data", "0") == "1"
        action = Action.EXPORT_PERSONAL_DATA if personal else Action.EXPORT_DATA
        actor = _actor(store, request, action)
        if actor is None:
            text = html.paragraph("Sign in to Segmind, then download the segment again.")
            return html.page("Sign in first", text, status=401)
        try:
            made = export.export(
                store,
                int(request.path_params["segment_id"]),
                _form(request),
                personal=personal,
                as_of=_as_of(request),
                actor=actor,
                now=clock.now(),
            )
        except NotFound as error:
            return html.page("There is no such segment", html.paragraph(str(error)), status=404)
        return as_download(made)


def _actor(store: Store, request: Request, action: Action) -> str | None:
    """Who asks, as the audit names them; None: nobody that is known.

    Raises:
        NotAllowed: their role does not allow it.
    """
    with store.engine.connect() as conn:
        member = sign_ins.who(conn, request.cookies.get(COOKIE), clock.wall())
        if member is not None:
            if not may(member.role, action):
                raise NotAllowed(f"The role {member.role} does not allow this ({action}).")
            return member.email
        if access.is_open(conn, store.settings, visit_of(request)) and may(Role.OWNER, action):
            return _OPEN
    return None


def _form(request: Request) -> Form:
    name = request.query_params.get("format", "csv")
    if name not in _FORMS:
        raise InvalidInput("There are two formats: csv and parquet.", field="format")
    return _FORMS[name]


def _as_of(request: Request) -> datetime | None:
    text = request.query_params.get("as_of")
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None or not 1970 <= found.year <= 2200:
        raise InvalidInput("as_of is no instant with a zone (ISO 8601).", field="as_of")
    return found
