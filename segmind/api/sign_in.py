"""Signing in, signing out, and the first member: routes, because a script cannot set a cookie."""

from __future__ import annotations

import hmac
import secrets
from datetime import timedelta
from typing import Final
from urllib.parse import quote, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from segmind import clock
from segmind.api import calm
from segmind.api import html_page as html
from segmind.api.stores import Stores
from segmind.api.visits import address_of, came_from_elsewhere, visit_of
from segmind.db.engine import Store
from segmind.errors import SegmindError
from segmind.workspace import access, members, sign_ins
from segmind.workspace.sign_ins import COOKIE, Refused, SignedIn

#: Holds the double of the form's token: a form that another site made cannot know it.
FORM_COOKIE: Final = "segmind_form"
_FORM_LASTS: Final = timedelta(hours=1)
_CREATE_COMMAND: Final = "./run.sh python scripts/create_member.py you@example.com --role owner"


def routes(stores: Stores) -> list[Route]:
    """``/login``, ``/logout`` and ``/setup``."""
    pages = _Pages(stores)
    return [
        calm.route("/login", pages.login, ["GET", "POST"]),
        calm.route("/logout", pages.logout, ["GET", "POST"]),
        calm.route("/setup", pages.setup, ["GET", "POST"]),
    ]


def safe_next(address: str | None) -> str:
    """``address`` if it is a path of this app, else the start page."""
    if not address or not address.startswith("/") or not address.isprintable():
        return "/"
    if address.startswith("//") or "\\" in address or len(address) > 1000:
        return "/"
    parts = urlsplit(address)
    return "/" if parts.scheme or parts.netloc else address


class _Pages:
    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    async def login(self, request: Request) -> Response:
        if request.method == "POST":
            form = await request.form(max_fields=10, max_files=0)
            return await run_in_threadpool(self._post_login, request, form)
        return await run_in_threadpool(self._get_login, request)

    async def setup(self, request: Request) -> Response:
        if request.method == "POST":
            form = await request.form(max_fields=10, max_files=0)
            return await run_in_threadpool(self._post_setup, request, form)
        return await run_in_threadpool(self._get_setup, request)

    async def logout(self, request: Request) -> Response:
        if request.headers.get("sec-fetch-site") == "cross-site" and request.method == "GET":
            return html.page("Sign out of Segmind?", html.form("/logout", "Sign out"))
        if came_from_elsewhere(request):
            return _refuse_foreign()
        return await run_in_threadpool(self._end, request)

    def _get_login(self, request: Request) -> Response:
        target = safe_next(request.query_params.get("next"))
        store = self._stores.get()
        with store.engine.connect() as conn:
            if sign_ins.who(conn, request.cookies.get(COOKIE), clock.wall()):
                return RedirectResponse(target, 303)
            if not members.any_exist(conn):
                return RedirectResponse("/setup", 303)
        return _login_page(request, target)

    def _post_login(self, request: Request, form: FormData) -> Response:
        if not _form_is_ours(request, form):
            return _refuse_foreign()
        target = safe_next(_text(form, "next"))
        email = _text(form, "email")
        address = address_of(request) or "local"
        answer = sign_ins.sign_in_with_password(
            self._stores.get(), email, _text(form, "password"), address, clock.wall()
        )
        if isinstance(answer, SignedIn):
            return _welcome(request, answer, target)
        return _login_page(request, target, email=email, refused=answer)

    def _get_setup(self, request: Request) -> Response:
        store = self._stores.get()
        return self._not_here(store, request) or _setup_page(request)

    def _post_setup(self, request: Request, form: FormData) -> Response:
        store = self._stores.get()
        elsewhere = self._not_here(store, request)
        if elsewhere is not None:
            return elsewhere
        if not _form_is_ours(request, form):
            return _refuse_foreign()
        email, name = _text(form, "email"), _text(form, "name")
        now = clock.wall()
        try:
            with store.engine.begin() as conn:
                owner = members.create_first(
                    conn, email=email, name=name, password=_text(form, "password"), now=now
                )
                answer = sign_ins.start(conn, owner, now)
        except SegmindError as error:
            words = f"{error.message} {error.hint}".strip()
            return _setup_page(request, email=email, name=name, wrong=words)
        return _welcome(request, answer, "/")

    def _not_here(self, store: Store, request: Request) -> Response | None:
        """Who may become the first owner: only somebody at the machine itself."""
        with store.engine.connect() as conn:
            if members.any_exist(conn):
                return RedirectResponse("/login", 303)
            if access.is_open(conn, store.settings, visit_of(request)):
                return None
        return html.page(
            "Set up Segmind",
            html.paragraph("This workspace has no members yet, and it is open to the network."),
            html.paragraph("Add the first owner on the machine that runs it:"),
            html.command(_CREATE_COMMAND),
            status=403,
        )

    def _end(self, request: Request) -> Response:
        with self._stores.get().engine.begin() as conn:
            sign_ins.end(conn, request.cookies.get(COOKIE))
        response = RedirectResponse("/login", 303, headers={"Cache-Control": "no-store"})
        response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax")
        return response


def _login_page(
    request: Request, target: str, *, email: str = "", refused: Refused | None = None
) -> Response:
    token = _form_token(request)
    response = html.page(
        "Sign in to Segmind",
        html.complaint(_words(refused)),
        html.form(
            f"/login?next={quote(target, safe='')}",
            "Sign in",
            html.hidden("token", token),
            html.hidden("next", target),
            html.field("email", "E-mail", kind="email", value=email, complete="username"),
            html.field("password", "Password", kind="password", complete="current-password"),
        ),
        status=200 if refused is None else 429 if refused.retry_at else 401,
    )
    _set_form_cookie(request, response, token)
    return response


def _setup_page(request: Request, *, email: str = "", name: str = "", wrong: str = "") -> Response:
    token = _form_token(request)
    response = html.page(
        "Add the first member",
        html.paragraph("You become the owner. From then on everybody has to sign in.", muted=True),
        html.complaint(wrong),
        html.form(
            "/setup",
            "Create and sign in",
            html.hidden("token", token),
            html.field("email", "E-mail", kind="email", value=email, complete="username"),
            html.field("name", "Name (optional)", value=name, complete="name"),
            html.field(
                "password",
                "Password (at least 10 characters)",
                kind="password",
                complete="new-password",
            ),
        ),
        status=422 if wrong else 200,
    )
    _set_form_cookie(request, response, token)
    return response


def _welcome(request: Request, answer: SignedIn, target: str) -> Response:
    response = RedirectResponse(target, 303, headers={"Cache-Control": "no-store"})
    response.set_cookie(
        COOKIE,
        answer.token,
        max_age=int(sign_ins.LASTS.total_seconds()),
        path="/",
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    response.delete_cookie(FORM_COOKIE, path="/", httponly=True, samesite="strict")
    return response


def _refuse_foreign() -> Response:
    return html.page(
        "Please try again",
        html.paragraph("This form has expired, or it was opened somewhere else."),
        html.link("/login", "Go to the sign-in page"),
        status=403,
    )


def _form_token(request: Request) -> str:
    known = request.cookies.get(FORM_COOKIE, "")
    return known if 20 <= len(known) <= 64 and known.isascii() else secrets.token_urlsafe(24)


def _set_form_cookie(request: Request, response: Response, token: str) -> None:
    response.set_cookie(
        FORM_COOKIE,
        token,
        max_age=int(_FORM_LASTS.total_seconds()),
        path="/",
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )


def _form_is_ours(request: Request, form: FormData) -> bool:
    cookie, token = request.cookies.get(FORM_COOKIE, ""), _text(form, "token")
    same = hmac.compare_digest(cookie.encode(errors="replace"), token.encode(errors="replace"))
    return bool(token) and same and not came_from_elsewhere(request)


def _words(refused: Refused | None) -> str:
    if refused is None:
        return ""
    if refused.retry_at is None:
        return refused.reason
    seconds = max(1, round((refused.retry_at - clock.wall()).total_seconds()))
    return f"{refused.reason} Try again in {seconds} seconds."


def _text(form: FormData, name: str) -> str:
    value = form.get(name, "")
    return value[:1000] if isinstance(value, str) else ""
