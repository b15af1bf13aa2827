from __future__ import annotations

import re
from dataclasses import dataclass
from uuid import UUID

import pytest
from api_client import Client, customer_id, each, problem
from fastapi import FastAPI
from starlette.applications import Starlette
from twilio.request_validator import RequestValidator

from segmind import clock
from segmind.api import web
from segmind.channels.webhook import WebhookRequest
from segmind.db.engine import Store
from segmind.messages.carriers import open_registry
from segmind.messages.dispatch import Dispatcher
from segmind.messages.links import LinkBook
from segmind.messages.reduce import reduce_inbox
from segmind.messages.sandbox_post import post_due
from segmind.workspace import credentials

TEXT = {
    "channel": "email",
    "to": {"external_id": "c-1"},
    "content": {
        "subject": "Hello",
        "body": "<p><a href='https://shop.example/sale'>Sale</a></p>"
        "<p><a href='{{ unsubscribe_url }}'>Stop</a></p>",
    },
}


@dataclass
class Letter:
    """A message that left, and the links in it."""

    id: UUID
    book: LinkBook
    version: int

    def click(self, store: Store) -> str:
        address = self.book.click(self.id, self.version, "https://shop.example/sale")
        with store.engine.begin() as conn:
            self.book.keep(conn)
        return address

    def unsubscribe(self) -> str:
        return self.book.unsubscribe(self.id)

    def pixel(self) -> str:
        return self.book.pixel(self.id)


@pytest.fixture
def letter(shop: Client, store: Store) -> Letter:
    made = shop.post("/messages/send", json=TEXT).json()
    Dispatcher(store, open_registry(store)).run_until_idle()
    book = LinkBook(store.settings.secret_key, "")
    return Letter(UUID(made["id"]), book, made["template_version_id"])


@pytest.fixture
def visitor(api: FastAPI) -> Client:
    """Anybody on the internet, with a browser."""
    client = Client(Starlette(routes=web.routes(api)), address="192.0.2.7", host="shop.example")
    client.headers["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64) Firefox/150.0"
    return client


def _signed(store: Store, letter: Letter) -> list[WebhookRequest]:
    """What the sandbox carrier would post of the letter."""
    taken: list[WebhookRequest] = []

    def take(request: WebhookRequest) -> bool:
        taken.append(request)
        return True

    later = clock.wall().replace(year=clock.wall().year + 1)
    post_due(store, open_registry(store), later, take)
    return taken


def test_a_signed_report_is_taken_once_under_both_addresses(
    letter: Letter, store: Store, shop: Client, visitor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = _signed(store, letter)
    assert requests
    later = clock.wall().replace(year=clock.wall().year + 1)
    monkeypatch.setattr(clock, "wall", lambda: later)
    for request in requests:
        headers = dict(request.headers)
        first = visitor.post("/api/webhooks/sandbox", content=request.body, headers=headers)
        assert first.status_code == 200, first.text
        assert first.json()["new"] == first.json()["reports"] > 0
        again = shop.post("/webhooks/sandbox", content=request.body, headers=headers)
        assert again.json()["new"] == 0
    assert reduce_inbox(store, clock.now(), 1000) > 0


def test_a_forged_report_is_refused_without_a_word_more(
    letter: Letter, store: Store, visitor: Client
) -> None:
    request = _signed(store, letter)[0]
    headers = dict(request.headers)
    altered = request.body.replace(b"delivered", b"complained")
    for body, given in (
        (altered + b" ", headers),
        (request.body, {}),
        (request.body, {**headers, "x-sandbox-signature": "00"}),
        (request.body, {**headers, "x-sandbox-signature": "é".encode().decode("latin-1")}),
        (request.body, {**headers, "x-sandbox-timestamp": "soon"}),
        (b"", {}),
        (b"\xff" * 100, headers),
    ):
        raw = [(k, v.encode("latin-1")) for k, v in given.items()]
        answer = visitor.post("/api/webhooks/sandbox", content=body, headers=dict(raw))
        assert answer.status_code == 403, answer.text
        assert answer.json()["code"] in {"webhook_forged", "webhook_stale"}


def test_an_unknown_provider_is_not_found_and_an_odd_name_refused(visitor: Client) -> None:
    problem(visitor.post("/api/webhooks/pigeon", content=b"{}"), 404, "unknown_provider")
    problem(visitor.post("/api/webhooks/PIGEON!", content=b"{}"), 422, "invalid_input")
    problem(visitor.get("/api/webhooks/sandbox"), 405, "method_not_allowed")


def test_twilio_is_answered_with_empty_twiml(store: Store, visitor: Client) -> None:
    given = {"account_sid": "AC0", "auth_token": "token", "from": "+15005550006"}
    with store.engine.begin() as conn:
        credentials.save(
            conn, store.settings.secret_key, "twilio", given, actor="olga", now=clock.wall()
        )
    form = {"MessageSid": "SM1", "From": "+4915112345678", "To": "+15005550006", "Body": "Stop"}
    url = f"{store.settings.public_url}/api/webhooks/twilio"
    signature = RequestValidator("token").compute_signature(url, form)
    headers = {"X-Twilio-Signature": signature}
    answer = visitor.post("/api/webhooks/twilio", data=form, headers=headers)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/xml"
    assert answer.text.endswith("<Response/>")
    assert reduce_inbox(store, clock.now(), 1000) == 1


def test_a_click_leads_on_and_is_counted(
    letter: Letter, store: Store, shop: Client, visitor: Client
) -> None:
    answer = visitor.get(letter.click(store))
    assert answer.status_code == 302
    assert answer.headers["location"] == "https://shop.example/sale"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "no-store" in answer.headers["cache-control"]
    reduce_inbox(store, clock.now(), 1000)
    kinds = [entry["what"] for entry in shop.get(f"/messages/{letter.id}").json()["history"]]
    assert any(kind.startswith("Clicked") for kind in kinds)


def test_an_open_is_counted_by_either_address(
    letter: Letter, store: Store, shop: Client, visitor: Client
) -> None:
    token = letter.pixel().rsplit("/", 1)[1]
    for address in (f"/l/{token}", f"/o/{token}.gif"):
        answer = visitor.get(address)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "image/gif"
        assert answer.content.startswith(b"GIF89a")
        assert "no-store" in answer.headers["cache-control"]
    reduce_inbox(store, clock.now(), 1000)
    kinds = [entry["what"] for entry in shop.get(f"/messages/{letter.id}").json()["history"]]
    assert any(kind.startswith("Opened") for kind in kinds)


def test_the_hidden_link_shows_nothing_and_counts_as_a_machine(
    letter: Letter, store: Store, shop: Client, visitor: Client
) -> None:
    token = letter.pixel().rsplit("/", 1)[1]
    answer = visitor.get(f"/h/{token}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert visitor.get("/h/made-up").status_code == 404
    reduce_inbox(store, clock.now(), 1000)
    kinds = [entry["what"] for entry in shop.get(f"/messages/{letter.id}").json()["history"]]
    assert "Clicked by a machine" in kinds


@each("token", ["x", "%00", "a" * 3000, "..%2f..", "é", "AAAA.BBBB"])
def test_a_link_that_we_did_not_make_leads_nowhere(
    visitor: Client, store: Store, token: str
) -> None:
    for path in (f"/l/{token}", f"/o/{token}.gif", f"/u/{token}"):
        answer = visitor.get(path)
        assert answer.status_code == 404, path
    assert visitor.post(f"/u/{token}").status_code == 404


def test_a_link_with_one_letter_changed_leads_nowhere(
    letter: Letter, store: Store, visitor: Client
) -> None:
    address = letter.click(store)
    for place in (len(address) - 10, len(address) // 2, 5):
        other = "A" if address[place] != "A" else "B"
        assert visitor.get(address[:place] + other + address[place + 1 :]).status_code == 404


def test_looking_at_the_unsubscribe_page_changes_nothing(
    letter: Letter, shop: Client, visitor: Client
) -> None:
    for _ in range(2):
        page = visitor.get(letter.unsubscribe())
        assert page.status_code == 200
        assert "<button>Unsubscribe</button>" in page.text
        assert "person1@example.com" not in page.text
        assert "p***@example.com" in page.text
    current = shop.get(f"/customers/{customer_id(shop, 1)}/consents").json()["current"]
    assert current["email"] is True


def test_pressing_the_button_unsubscribes_at_once_and_for_good(
    letter: Letter, shop: Client, visitor: Client
) -> None:
    done = visitor.post(letter.unsubscribe())
    assert done.status_code == 200
    assert "You are unsubscribed" in done.text
    assert "You are unsubscribed" in visitor.get(letter.unsubscribe()).text
    assert visitor.post(letter.unsubscribe()).status_code == 200
    consents = shop.get(f"/customers/{customer_id(shop, 1)}/consents").json()
    assert consents["current"]["email"] is False
    assert consents["entries"][0]["source"] == "preferences"


def test_a_mail_clients_one_click_unsubscribes(
    letter: Letter, shop: Client, visitor: Client
) -> None:
    form = {"List-Unsubscribe": "One-Click"}
    assert visitor.post(letter.unsubscribe(), data=form).status_code == 200
    consents = shop.get(f"/customers/{customer_id(shop, 1)}/consents").json()
    assert consents["entries"][0]["source"] == "one_click"


def test_the_pages_of_links_load_nothing(letter: Letter, visitor: Client) -> None:
    page = visitor.get(letter.unsubscribe())
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert not re.search(r"(src|href)\s*=\s*[\"']?(https?:)?//", page.text)
