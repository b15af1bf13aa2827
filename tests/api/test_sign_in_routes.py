from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from api_client import Client, each
from fastapi import FastAPI
from starlette.applications import Starlette

from segmind import clock
from segmind.api import sign_in, web
from segmind.db.engine import Store
from segmind.workspace import members, sign_ins

PASSWORD = "correct horse battery"


@pytest.fixture
def browser(api: FastAPI) -> Client:
    """A browser at the machine itself."""
    return Client(Starlette(routes=web.routes(api)))


def _owner(store: Store) -> None:
    with store.engine.begin() as conn:
        members.create_first(
            conn, email="ann@example.com", name="Ann", password=PASSWORD, now=clock.wall()
        )


def _token(answer: httpx.Response) -> str:
    found = re.search(r'name="token" value="([^"]+)"', answer.text)
    assert found is not None, answer.text
    return found.group(1)


def _sign_in(browser: Client, **changes: Any) -> httpx.Response:
    page = browser.get("/login")
    form = {
        "token": _token(page),
        "email": "ann@example.com",
        "password": PASSWORD,
        "next": "/campaigns?id=7",
    }
    return browser.post("/login", data={**form, **changes})


def test_the_first_visitor_of_a_new_workspace_becomes_its_owner(
    browser: Client, store: Store
) -> None:
    assert browser.get("/login").headers["location"] == "/setup"
    page = browser.get("/setup")
    form = {"token": _token(page), "email": "Ann@example.com", "password": PASSWORD, "name": "Ann"}
    answer = browser.post("/setup", data=form)
    assert answer.status_code == 303, answer.text
    with store.engine.connect() as conn:
        found = sign_ins.who(conn, browser.cookies.get(sign_ins.COOKIE), clock.wall())
    assert found is not None
    assert found.role == "owner"
    assert browser.get("/setup").headers["location"] == "/login"


def test_nobody_from_the_network_can_become_the_first_owner(api: FastAPI) -> None:
    for visitor in (
        Client(Starlette(routes=web.routes(api)), address="192.0.2.7"),
        Client(Starlette(routes=web.routes(api)), host="rebound.example"),
    ):
        page = visitor.get("/setup")
        assert page.status_code == 403
        assert "create_member.py" in page.text
        assert visitor.post("/setup", data={"email": "a@example.com"}).status_code == 403


def test_a_weak_first_password_is_explained_and_nothing_is_created(
    browser: Client, store: Store
) -> None:
    page = browser.get("/setup")
    form = {"token": _token(page), "email": '"><script>@example.com', "password": "x"}
    answer = browser.post("/setup", data=form)
    assert answer.status_code == 422
    assert "<script>" not in answer.text
    with store.engine.connect() as conn:
        assert not members.any_exist(conn)


def test_signing_in_leads_where_one_wanted_to_go(browser: Client, store: Store) -> None:
    _owner(store)
    answer = _sign_in(browser)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/campaigns?id=7"
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert browser.get("/login?next=/segments").headers["location"] == "/segments"
    out = browser.get("/logout")
    assert out.headers["location"] == "/login"
    assert browser.get("/login").status_code == 200


def test_signing_out_ends_the_sign_in_on_the_server(browser: Client, store: Store) -> None:
    _owner(store)
    _sign_in(browser)
    token = browser.cookies.get(sign_ins.COOKIE)
    browser.get("/logout")
    with store.engine.connect() as conn:
        assert sign_ins.who(conn, token, clock.wall()) is None


def test_another_site_cannot_sign_anybody_out_or_in(browser: Client, store: Store) -> None:
    _owner(store)
    _sign_in(browser)
    elsewhere = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    asked = browser.get("/logout", headers=elsewhere)
    assert asked.status_code == 200
    assert "button" in asked.text
    posted = browser.post("/logout", headers={"Origin": "https://elsewhere.example"})
    assert posted.status_code == 403
    fresh = Client(browser.app)
    page = fresh.get("/login")
    form = {"token": _token(page), "email": "ann@example.com", "password": PASSWORD}
    origin = {"Origin": "https://elsewhere.example"}
    assert fresh.post("/login", data=form, headers=origin).status_code == 403
    assert fresh.post("/login", data={**form, "token": "other"}).status_code == 403
    assert Client(browser.app).post("/login", data=form).status_code == 403


def test_a_wrong_password_and_an_unknown_account_look_the_same(
    browser: Client, store: Store
) -> None:
    _owner(store)
    wrong = _sign_in(browser, password="wrong")
    unknown = _sign_in(browser, email="bob@example.com", password="wrong")
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.text.replace("ann@", "bob@") == unknown.text
    assert "set-cookie" in wrong.headers
    assert sign_ins.COOKIE not in wrong.headers["set-cookie"]


def test_guessing_is_told_to_wait(browser: Client, store: Store) -> None:
    _owner(store)
    for _ in range(sign_ins.FREE_OF_PAIR):
        assert _sign_in(browser, password="wrong").status_code == 401
    answer = _sign_in(browser)
    assert answer.status_code == 429
    assert "Try again in" in answer.text


@pytest.mark.parametrize(
    "target",
    [
        "https://elsewhere.example",
        "//elsewhere.example",
        "/\\elsewhere.example",
        "javascript:alert(1)",
        "/\n//elsewhere.example",
        "",
        None,
        "/" + "x" * 2000,
    ],
)
def test_the_way_back_never_leads_elsewhere(target: str | None) -> None:
    assert sign_in.safe_next(target) == "/"


def test_pages_load_nothing_and_run_nothing(browser: Client, store: Store) -> None:
    _owner(store)
    page = browser.get('/login?next=/"><script>alert(1)</script>')
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    # With "no-referrer" a browser posts the page's own form as if from elsewhere.
    assert page.headers["referrer-policy"] == "same-origin"
    assert "<script" not in page.text
    assert not re.search(r"(src|href)\s*=\s*[\"']?(https?:)?//", page.text)
    assert "prefers-color-scheme: dark" in page.text


@each(
    "content, kind",
    [
        (b"\xff\x00\xfe", "application/x-www-form-urlencoded"),
        (b"email=%00&password=%00&token=%ff", "application/x-www-form-urlencoded"),
        (b"nonsense", "multipart/form-data"),
        (b"nonsense", "multipart/form-data; boundary=x"),
        (b"{}", "application/json"),
        (b"&".join(b"f%d=1" % n for n in range(100)), "application/x-www-form-urlencoded"),
    ],
)
def test_an_odd_form_is_refused_calmly(browser: Client, content: bytes, kind: str) -> None:
    answer = browser.post("/login", content=content, headers={"Content-Type": kind})
    assert 400 <= answer.status_code < 500, answer.text


def test_a_form_larger_than_a_form_is_refused(browser: Client, store: Store) -> None:
    _owner(store)
    assert browser.post("/login", content=b"x" * 100_000).status_code == 413
