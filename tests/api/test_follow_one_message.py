"""One message from queued to delivered, by a plain HTTP client, twilio's library and SendGrid's."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from api_client import Client
from fastapi import FastAPI
from live_server import serving
from python_http_client.exceptions import BadRequestsError, UnauthorizedError
from sendgrid import SendGridAPIClient
from sendgrid.helpers.mail import Mail
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client as TwilioClient
from webhook_receiver import receiver

from segmind.api import backend
from segmind.callbacks import deliver, signing
from segmind.callbacks.address import Rules
from segmind.channels.providers import sandbox
from segmind.db.engine import Store
from segmind.messages import receipts, told
from segmind.messages.carriers import open_registry
from segmind.messages.dispatch import Dispatcher
from segmind.messages.sandbox_post import post_due

ACCOUNT = "AC" + "0" * 32
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
LATER = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
def server(api: FastAPI) -> Iterator[str]:
    with serving(backend.build(api)) as address:
        yield address


@pytest.fixture(autouse=True)
def a_carrier_that_delivers(monkeypatch: pytest.MonkeyPatch) -> None:
    for channel, habits in sandbox.HABITS.items():
        monkeypatch.setitem(sandbox.HABITS, channel, replace(habits, hard=0.0, soft=0.0))


def hand_over(store: Store) -> None:
    Dispatcher(store, open_registry(store)).run_until_idle()


def report(store: Store) -> None:
    """The carrier reports all that it ever will, and the reports are applied."""
    post_due(store, open_registry(store), LATER)
    while receipts.reduce_inbox(store, LATER, 2_000):
        pass


def tell(store: Store) -> None:
    """What the scheduler's job does."""
    now = datetime.now(UTC)
    with store.engine.begin() as conn:
        told.tell_changes(conn, now)
    while deliver.deliver_due(store, [SECRET], Rules(loopback=True), now).seen:
        pass


def twilio(server: str, key: str) -> TwilioClient:
    client = TwilioClient(ACCOUNT, key)
    client.api.base_url = server
    return client


def test_a_plain_client_is_told_each_status_in_order(
    store: Store, key: Callable[..., str], monkeypatch: pytest.MonkeyPatch, server: str
) -> None:
    monkeypatch.setitem(store.settings.environ, "SEGMIND_CALLBACK_LOOPBACK", "allow")  # type: ignore[arg-type]
    headers = {"Authorization": f"Bearer {key('messages:write', 'messages:read')}"}
    with receiver() as caller:
        body = {
            "channel": "sms",
            "to": {"address": "+14155550100"},
            "content": {"body": "Your order is on its way."},
            "status_callback": f"{caller.url}/told",
        }
        made = httpx.post(
            f"{server}/messages/send", json=body, headers=headers | {"Idempotency-Key": "k-1"}
        )
        assert made.status_code == 201, made.text
        assert made.json()["status"] == "queued"
        again = httpx.post(
            f"{server}/messages/send", json=body, headers=headers | {"Idempotency-Key": "k-1"}
        )
        assert again.json()["id"] == made.json()["id"]
        tell(store)
        assert caller.heard == []  # the answer said it: queued
        hand_over(store)
        tell(store)
        report(store)
        tell(store)
        tell(store)
    said = [json.loads(heard.body)["data"] for heard in caller.heard]
    words = {each["sequence"]: each["status"] for each in said}
    assert [words[n] for n in sorted(words)] == ["sending", "accepted", "delivered"]
    assert len(said) == 3
    assert {each["id"] for each in said} == {made.json()["id"]}
    assert "+14155550100" not in b"".join(heard.body for heard in caller.heard).decode()
    for heard in caller.heard:
        assert signing.verify(SECRET, heard.headers, heard.body, datetime.now(UTC))
    found = httpx.get(f"{server}/messages/{made.json()['id']}", headers=headers).json()
    assert found["status"] == "delivered"
    assert found["sms_parts"] == 1
    assert found["cost_micros"] > 0
    assert [each["state"] for each in found["callbacks"]] == ["delivered"] * 3


def test_twilio_s_library_sends_and_follows_one_message(
    store: Store, key: Callable[..., str], server: str
) -> None:
    client = twilio(server, key("messages:write", "messages:read"))
    made = client.messages.create(
        to="+1 (415) 555-0100", from_="+14155550199", body="Hi {{ there }} {% if %}"
    )
    assert made.status == "queued"
    assert made.to == "+14155550100"
    assert made.body == "Hi {{ there }} {% if %}"
    assert made.account_sid == ACCOUNT
    assert made.date_created.tzinfo is not None
    hand_over(store)
    assert client.messages(made.sid).fetch().status == "sending"
    report(store)
    found = client.messages(made.sid).fetch()
    assert found.status == "delivered"
    assert found.num_segments == "1"
    assert float(found.price) < 0
    assert found.price_unit == "USD"
    assert found.error_code is None
    listed = client.messages.list(to="+14155550100")
    assert [each.sid for each in listed] == [made.sid]
    assert client.messages.list(to="+14155550101") == []
    for n in range(5):
        client.messages.create(to=f"+141555502{n:02d}", from_="+14155550199", body=f"No. {n}")
    assert len(list(client.messages.stream(page_size=2))) == 6


def test_twilio_s_library_schedules_and_takes_back(
    store: Store, key: Callable[..., str], server: str
) -> None:
    client = twilio(server, key("messages:write", "messages:read"))
    made = client.messages.create(
        to="+14155550100",
        messaging_service_sid="MG" + "0" * 32,
        body="Soon",
        schedule_type="fixed",
        send_at=datetime.now(UTC) + timedelta(hours=1),
    )
    assert made.status == "scheduled"
    hand_over(store)
    assert client.messages(made.sid).update(status="canceled").status == "canceled"
    hand_over(store)
    assert client.messages(made.sid).fetch().status == "canceled"
    sent = client.messages.create(to="+14155550101", from_="+14155550199", body="Now")
    hand_over(store)
    with pytest.raises(TwilioRestException) as refused:
        client.messages(sent.sid).update(status="canceled")
    assert refused.value.code == 30409


REFUSED: list[tuple[dict[str, Any], int]] = [
    ({"to": "4155550100"}, 21211),
    ({"to": "whatsapp:+14155550100"}, 21211),
    ({"to": ""}, 21604),
    ({"body": " "}, 21602),
    ({"body": "a" * 1_601}, 21617),
    ({"status_callback": "https://10.0.0.1/x"}, 21609),
    ({"status_callback": "http://example.com/x"}, 21609),
    ({"validity_period": 36_001}, 21622),
    ({"schedule_type": "fixed", "send_at": datetime(2020, 1, 1, tzinfo=UTC)}, 35114),
    ({"media_url": ["https://example.com/a.png"]}, 20001),
    ({"from_": ""}, 21603),
]


def test_what_twilio_s_library_is_refused_has_twilio_s_shape(
    key: Callable[..., str], server: str
) -> None:
    client = twilio(server, key("messages:write"))
    for changes, code in REFUSED:
        with pytest.raises(TwilioRestException) as refused:
            client.messages.create(
                **{"to": "+14155550100", "from_": "+14155550199", "body": "x", **changes}
            )
        assert (refused.value.code, refused.value.status) == (code, 400), changes
    with pytest.raises(TwilioRestException) as refused:
        client.messages("SM" + "0" * 32).fetch()
    assert (refused.value.status, refused.value.code) == (403, 20003)
    with pytest.raises(TwilioRestException) as refused:
        twilio(server, key("messages:read")).messages("SM" + "0" * 32).fetch()
    assert (refused.value.status, refused.value.code) == (404, 20404)
    with pytest.raises(TwilioRestException) as refused:
        twilio(server, "wrong").messages.create(to="+14155550100", from_="x", body="x")
    assert (refused.value.status, refused.value.code) == (401, 20003)


def test_sendgrid_s_library_sends_and_its_id_can_be_followed(
    store: Store, key: Callable[..., str], server: str
) -> None:
    secret = key("messages:write", "messages:read")
    client = SendGridAPIClient(secret, host=server)
    mail = Mail(
        from_email="shop@example.com",
        to_emails=["ada@example.com", "bo@example.com"],
        subject="Hi {{ you }}",
        html_content="<p>Literally {{ this }}</p>",
        is_multiple=True,
    )
    answer = client.send(mail)
    assert answer.status_code == 202
    batch = answer.headers["X-Message-Id"]
    headers = {"Authorization": f"Bearer {secret}"}
    first = httpx.get(f"{server}/messages/{batch}", headers=headers).json()
    assert (first["status"], first["batch_id"]) == ("queued", batch)
    hand_over(store)
    report(store)
    found = httpx.get(f"{server}/messages", params={"batch_id": batch}, headers=headers).json()
    assert {each["status"] for each in found["messages"]} == {"delivered"}
    assert {each["address"] for each in found["messages"]} == {"ada@example.com", "bo@example.com"}
    checked = mail.get() | {"mail_settings": {"sandbox_mode": {"enable": True}}}
    assert client.client.mail.send.post(request_body=checked).status_code == 200
    assert len(httpx.get(f"{server}/messages", headers=headers).json()["messages"]) == 2
    once = {"Idempotency-Key": "k-1"}
    ids = {
        client.client.mail.send.post(request_body=mail.get(), request_headers=once).headers[
            "X-Message-Id"
        ]
        for _ in range(2)
    }
    assert len(ids) == 1
    assert len(httpx.get(f"{server}/messages", headers=headers).json()["messages"]) == 4


def test_what_sendgrid_s_library_is_refused_has_sendgrid_s_shape(
    key: Callable[..., str], server: str
) -> None:
    client = SendGridAPIClient(key("messages:write"), host=server)
    good = Mail("shop@example.com", "ada@example.com", "Hi", "x", "<p>x</p>").get()
    cases: list[tuple[dict[str, Any], str]] = [
        ({"attachments": [{"content": "eA==", "filename": "a.txt"}]}, "attachments"),
        ({"personalizations": [{"to": [{"email": "nonsense"}]}]}, "personalizations[0].to.email"),
        (
            {"personalizations": [{"to": [{"email": "a@b.co"}, {"email": "A@b.co"}]}]},
            "personalizations[0].to.email",
        ),
        ({"subject": ""}, "subject"),
        ({"content": []}, "content"),
        ({"send_at": 8_000_000_000}, "send_at"),
        ({"from": {}}, "from.email"),
    ]
    for changes, field in cases:
        with pytest.raises(BadRequestsError) as refused:
            client.send({**good, **changes})
        (fault, *_) = refused.value.to_dict["errors"]
        assert fault["field"] == field, fault
        assert set(fault) == {"message", "field", "help"}
    with pytest.raises(UnauthorizedError):
        SendGridAPIClient("wrong", host=server).send(good)


def test_a_scheduled_message_is_moved_and_taken_back(client: Client, store: Store) -> None:
    at = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    body = {
        "channel": "sms",
        "to": {"address": "+14155550100"},
        "content": {"body": "Soon"},
        "send_at": at,
    }
    made = client.post("/messages/send", json=body).json()
    assert made["status"] == "waiting"
    later = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    moved = client.request("PATCH", f"/messages/{made['id']}", json={"send_at": later})
    assert datetime.fromisoformat(moved.json()["due_at"]) == datetime.fromisoformat(later)
    gone = client.post(f"/messages/{made['id']}/cancel")
    assert (gone.status_code, gone.json()["status"]) == (200, "cancelled")
    assert client.post(f"/messages/{made['id']}/cancel").status_code == 200
    assert (
        client.request("PATCH", f"/messages/{made['id']}", json={"send_at": later}).status_code
        == 409
    )
    hand_over(store)
    listed = client.get("/messages", params={"status": "cancelled"}).json()["messages"]
    assert [each["id"] for each in listed] == [made["id"]]
    far = {**body, "send_at": "2199-01-01T00:00:00Z"}
    assert client.post("/messages/send", json=far).status_code == 422
    inside = {**body, "status_callback": "https://169.254.169.254/"}
    refused = client.post("/messages/send", json=inside)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "status_callback"
