"""The links in messages: clicks, opens, unsubscribing. Nobody signs in here; the token decides."""

from __future__ import annotations

import base64
import math
from datetime import timedelta
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from segmind import clock
from segmind.api import calm
from segmind.api import html_page as html
from segmind.api.rates import Rate, Rates
from segmind.api.stores import Stores
from segmind.api.visits import address_of
from segmind.consent import double_opt_in
from segmind.consent.addresses import address_key
from segmind.events.schema import Channel
from segmind.messages import links
from segmind.messages.links import Preferences, Visit
from segmind.workspace import product_settings

#: One address may be a whole office behind one door: generous, but bounded.
VISITS: Final = Rate(per_second=50, burst=1000)

#: One transparent point, the smallest GIF there is.
_PIXEL: Final = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
_UNKEPT: Final = {"Cache-Control": "no-store, private", "Referrer-Policy": "no-referrer"}
_PAUSES: Final = {
    "7": (7, "One week"),
    "30": (30, "One month"),
    "90": (90, "Three months"),
    "0": (0, "End my break"),
}
_PAUSE_WORDS: Final = {key: words for key, (_, words) in _PAUSES.items()}
_CHANNELS: Final = {"email": "e-mails", "sms": "text messages", "push": "push messages"}


def routes(stores: Stores) -> list[Route]:
    """``/l/{token}`` (click or open), ``/o/{token}.gif`` (open), ``/h/{token}`` (the link that
    nobody sees), ``/u/{token}`` (unsubscribe and preferences), ``/c/{token}`` (confirm a double
    opt-in)."""
    pages = _Links(stores)
    return [
        calm.route("/l/{token}", pages.follow, ["GET"]),
        calm.route("/o/{token}.gif", pages.opened, ["GET"]),
        calm.route("/h/{token}", pages.hidden, ["GET"]),
        calm.route("/u/{token}", pages.unsubscribe, ["GET", "POST"]),
        calm.route("/c/{token}", pages.confirm, ["GET", "POST"]),
    ]


class _Links:
    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._visits = Rates(VISITS)

    async def follow(self, request: Request) -> Response:
        refused = self._too_many(request)
        return refused if refused is not None else await run_in_threadpool(self._follow, request)

    async def opened(self, request: Request) -> Response:
        refused = self._too_many(request)
        return refused if refused is not None else await run_in_threadpool(self._opened, request)

    async def hidden(self, request: Request) -> Response:
        refused = self._too_many(request)
        return refused if refused is not None else await run_in_threadpool(self._hidden, request)

    async def unsubscribe(self, request: Request) -> Response:
        refused = self._too_many(request)
        if refused is not None:
            return refused
        if request.method == "POST":
            form = await request.form(max_fields=10, max_files=2)
            return await run_in_threadpool(self._stop, request, form)
        return await run_in_threadpool(self._ask, request)

    async def confirm(self, request: Request) -> Response:
        refused = self._too_many(request)
        if refused is not None:
            return refused
        return await run_in_threadpool(self._confirm, request)

    def _confirm(self, request: Request) -> Response:
        """Scanners follow links, so that only the button is a yes."""
        store, token, now = self._stores.get(), _token(request), clock.now()
        secret, visit = store.settings.secret_key, _visit(request)
        key = address_key(secret)
        with store.engine.begin() as conn:
            if request.method == "POST":
                seen = {"ip": visit.ip, "user_agent": visit.user_agent}
                asked = double_opt_in.confirm(conn, key, secret, token, seen, now)
            else:
                asked = double_opt_in.look_at(conn, key, secret, token, now)
            shop = product_settings.load(conn).shop_name
        if asked is None:
            return _unknown()
        what = _CHANNELS[asked.channel.label]
        if asked.state == "open":
            words = f"{shop} may send {what} to {asked.address}."
            return html.page(
                "Is this right?", html.paragraph(words), html.form(request.url.path, "Yes, I agree")
            )
        if asked.state == "confirmed":
            words = f"{shop} sends {what} to {asked.address}. You can say no at any time."
            return html.page("Thank you", html.paragraph(words))
        words = "Sign up again to get a new link."
        return html.page("This link is no longer good", html.paragraph(words), status=410)

    def _follow(self, request: Request) -> Response:
        store, token, visit = self._stores.get(), _token(request), _visit(request)
        secret, now = store.settings.secret_key, clock.now()
        with store.engine.begin() as conn:
            url = links.follow_click(conn, secret, token, now, visit)
            if url is None and links.open_link(conn, secret, token, now, visit):
                return _picture()
        if url is None:
            return _unknown()
        return RedirectResponse(url, 302, headers=_UNKEPT)

    def _opened(self, request: Request) -> Response:
        store = self._stores.get()
        with store.engine.begin() as conn:
            known = links.open_link(
                conn, store.settings.secret_key, _token(request), clock.now(), _visit(request)
            )
        return _picture() if known else _unknown()

    def _hidden(self, request: Request) -> Response:
        """There is nothing to see: who comes here follows every link."""
        store = self._stores.get()
        with store.engine.begin() as conn:
            known = links.hidden_link(
                conn, store.settings.secret_key, _token(request), clock.now(), _visit(request)
            )
        return Response(status_code=204, headers=_UNKEPT) if known else _unknown()

    def _ask(self, request: Request) -> Response:
        """A GET changes nothing: scanners follow links."""
        store, token = self._stores.get(), _token(request)
        with store.engine.connect() as conn:
            found = links.preferences(conn, store.settings.secret_key, token)
            shop = product_settings.load(conn).shop_name
        if found is None:
            return _unknown()
        if not found.is_subscribed:
            return html.page(
                "You are unsubscribed", _done(found, shop), _choices(request, found, shop)
            )
        return html.page(
            "Unsubscribe?",
            html.paragraph(f"{shop} will send no more {_what(found)} to {found.address}."),
            html.form(request.url.path, "Unsubscribe"),
            _choices(request, found, shop),
        )

    def _stop(self, request: Request, form: FormData) -> Response:
        """RFC 8058: a mail client posts ``List-Unsubscribe=One-Click``; people press the button."""
        if form.get("preferences") == "1":
            return self._prefer(request, form)
        store, token = self._stores.get(), _token(request)
        one_click = str(form.get("List-Unsubscribe", "")).lower() == "one-click"
        with store.engine.begin() as conn:
            secret = store.settings.secret_key
            known = links.unsubscribe_post(
                conn, secret, token, clock.now(), _visit(request), one_click=one_click
            )
            found = links.preferences(conn, secret, token)
            shop = product_settings.load(conn).shop_name
        if not known or found is None:
            return _unknown()
        return html.page("You are unsubscribed", _done(found, shop))

    def _prefer(self, request: Request, form: FormData) -> Response:
        """The customer's choice by channel, and a pause."""
        store, token, now = self._stores.get(), _token(request), clock.now()
        secret = store.settings.secret_key
        visit = _visit(request)
        with store.engine.begin() as conn:
            before = links.preferences(conn, secret, token)
            if before is None or not before.can_choose:
                return _unknown()
            wanted = {which: form.get(which.label) == "1" for which in Channel}
            choices = {which: yes for which, yes in wanted.items() if yes != before.is_on(which)}
            links.set_preferences(conn, address_key(secret), secret, token, choices, now, visit)
            days = str(form.get("pause", ""))
            if days in _PAUSES:
                links.pause(conn, secret, token, now + timedelta(days=_PAUSES[days][0]))
            found = links.preferences(conn, secret, token)
            shop = product_settings.load(conn).shop_name
        if found is None:
            return _unknown()
        on = [_CHANNELS[which.label] for which in Channel if found.is_on(which)]
        said = f"{shop} sends you {' and '.join(on)}." if on else f"{shop} sends you nothing."
        return html.page("Your choice is saved", html.paragraph(said), _pause_words(found))

    def _too_many(self, request: Request) -> Response | None:
        wait = self._visits.wait(address_of(request) or "local")
        if wait <= 0:
            return None
        response = html.page(
            "Please wait a moment", html.paragraph("Too many requests."), status=429
        )
        response.headers["Retry-After"] = str(math.ceil(wait))
        return response


def _token(request: Request) -> str:
    token: str = request.path_params["token"]
    return token if token.isascii() and len(token) <= 500 else ""


def _visit(request: Request) -> Visit:
    agent = request.headers.get("user-agent", "")
    return Visit(
        user_agent="".join(filter(str.isprintable, agent))[:300],
        ip=address_of(request) or "",
        method=request.method,
    )


def _picture() -> Response:
    return Response(_PIXEL, media_type="image/gif", headers=_UNKEPT)


def _unknown() -> Response:
    words = "This link is not complete, or it is no longer known."
    return html.page("There is nothing here", html.paragraph(words), status=404)


def _what(found: Preferences) -> str:
    return _CHANNELS[found.channel.label]


def _choices(request: Request, found: Preferences, shop: str) -> str:
    """The form of channels and a pause, for who is still known."""
    if not found.can_choose:
        return ""
    boxes = [
        html.checkbox(which.label, _CHANNELS[which.label].capitalize(), checked=found.is_on(which))
        for which in Channel
    ]
    pause = html.choice("pause", "Take a break", {"": "No break"} | _PAUSE_WORDS)
    return (
        html.heading(f"Or choose what {shop} sends you")
        + _pause_words(found)
        + html.form(
            request.url.path,
            "Save my choice",
            html.hidden("preferences", "1"),
            *boxes,
            pause,
            quiet=True,
        )
    )


def _pause_words(found: Preferences) -> str:
    if found.paused_until is None or found.paused_until <= clock.now():
        return ""
    return html.paragraph(f"Paused until {found.paused_until:%-d %B %Y}.", muted=True)


def _done(found: Preferences, shop: str) -> str:
    return html.paragraph(f"{shop} sends no more {_what(found)} to {found.address}.")
