from __future__ import annotations

from datetime import timedelta

import pytest
from api_client import Client
from fastapi import FastAPI
from starlette.applications import Starlette

from segmind import clock
from segmind.api import web
from segmind.db.engine import Store
from segmind.segments import segment
from segmind.workspace import audit, members, sign_ins
from segmind.workspace.permissions import Role

EVERYBODY = {"type": "all", "conditions": []}


@pytest.fixture
def everybody(shop: Client, store: Store) -> int:
    with store.engine.begin() as conn:
        return segment.create(conn, "All", EVERYBODY, now=clock.now()).id


@pytest.fixture
def browser(api: FastAPI) -> Client:
    return Client(Starlette(routes=web.routes(api)))


def signed_in(browser: Client, store: Store, role: Role) -> Client:
    now = clock.wall()
    with store.engine.begin() as conn:
        owner = members.create_first(
            conn, email="ann@shop.example", name="Ann", password="a long enough password", now=now
        )
        if role is not Role.OWNER:
            owner = members.create(
                conn, email="mara@shop.example", name="Mara", password="another long password",
                role=role, actor="ann", now=now,
            )  # fmt: skip
        token = sign_ins.start(conn, owner, now).token
    browser.cookies.set(sign_ins.COOKIE, token)
    return browser


def test_an_open_workspace_hands_out_the_ids_of_a_segment(
    browser: Client, everybody: int, store: Store
) -> None:
    answer = browser.get(f"/download/segments/{everybody}")
    assert answer.status_code == 200
    assert answer.headers["x-total-count"] == "8"
    assert "attachment" in answer.headers["content-disposition"]
    assert "example.com" not in answer.text
    with store.engine.connect() as conn:
        assert audit.recent(conn, 1)[0].action == "segment.export"


def test_a_past_moment_and_parquet_can_be_asked_for(browser: Client, everybody: int) -> None:
    at = (clock.now() - timedelta(days=1)).isoformat()
    asked = {"format": "parquet", "as_of": at}
    answer = browser.get(f"/download/segments/{everybody}", params=asked)
    assert answer.content[:4] == b"PAR1"
    for wrong in ({"format": "xlsx"}, {"as_of": "yesterday"}, {"as_of": "2026-03-01"}):
        assert browser.get(f"/download/segments/{everybody}", params=wrong).status_code == 400
    assert browser.get("/download/segments/999").status_code == 404


@pytest.mark.parametrize(
    ("role", "ids", "personal"),
    [(Role.VIEWER, 400, 400), (Role.ANALYST, 200, 400), (Role.MARKETER, 200, 200)],
)
def test_roles_decide_about_ids_and_about_personal_data(
    browser: Client, everybody: int, store: Store, role: Role, ids: int, personal: int
) -> None:
    known = signed_in(browser, store, role)
    path = f"/download/segments/{everybody}"
    assert known.get(path).status_code == ids
    answer = known.get(path, params={"personal_data": "1"})
    assert answer.status_code == personal
    assert ("person1@example.com" in answer.text) == (personal == 200)


def test_nobody_without_a_sign_in_gets_a_file_once_there_are_members(
    browser: Client, everybody: int, store: Store
) -> None:
    signed_in(browser, store, Role.OWNER)
    stranger = Client(browser.app)
    assert stranger.get(f"/download/segments/{everybody}").status_code == 401


def test_another_site_cannot_start_a_download(browser: Client, everybody: int) -> None:
    headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}
    assert browser.get(f"/download/segments/{everybody}", headers=headers).status_code == 403
