"""Consent over HTTP: double opt-in, preferences, suppressions, replies, export and erasure."""

from __future__ import annotations

import io
import zipfile
from uuid import UUID

import pytest
from api_client import Client, customer_id, problem
from fastapi import FastAPI
from starlette.applications import Starlette

from segmind import clock
from segmind.api import web
from segmind.consent import replies
from segmind.consent.addresses import address_hash, address_key
from segmind.db.engine import Store
from segmind.events.schema import Channel
from segmind.messages.carriers import open_registry
from segmind.messages.dispatch import Dispatcher
from segmind.messages.links import LinkBook


@pytest.fixture
def visitor(api: FastAPI) -> Client:
    """Anybody on the internet."""
    return Client(Starlette(routes=web.routes(api)), address="192.0.2.7", host="shop.example")


def test_a_double_opt_in_waits_for_the_button(shop: Client, visitor: Client, store: Store) -> None:
    who = customer_id(shop, 3)
    body = {"channel": "sms", "evidence": {"form": "https://shop.example/news"}}
    made = shop.post(f"/customers/{who}/consents/requests", json=body)
    assert made.status_code == 201, made.text
    path = "/c/" + made.json()["confirm_url"].rpartition("/c/")[2]
    Dispatcher(store, open_registry(store)).run_until_idle()
    assert shop.get(f"/messages/{made.json()['message_id']}").json()["status"] != "skipped"
    page = visitor.get(path)
    assert "Yes, I agree" in page.text
    assert "0100003" not in page.text
    assert "sms" not in shop.get(f"/customers/{who}/consents").json()["current"]
    assert "Thank you" in visitor.post(path).text
    assert "Thank you" in visitor.get(path).text
    ledger = shop.get(f"/customers/{who}/consents").json()
    assert ledger["current"]["sms"] is True
    assert ledger["entries"][0]["evidence"]["double_opt_in"]["ip"] == "192.0.2.7"
    assert visitor.get("/c/nonsense").status_code == 404
    assert visitor.post("/c/nonsense").status_code == 404


def test_an_import_of_consents_needs_an_attestation(shop: Client) -> None:
    path = f"/customers/{customer_id(shop, 3)}/consents"
    given = {"channel": "email", "consent": True, "source": "import"}
    problem(shop.post(path, json=given), 422, "invalid_input")
    given["evidence"] = {"attestation": "Newsletter form of the old shop, double opt-in 2024"}
    assert shop.post(path, json=given).status_code == 201
    mine = {"channel": "email", "consent": False, "purpose": "newsletter"}
    after = shop.post(path, json=mine).json()
    assert after["current"] == {"email": True}
    assert after["entries"][0]["purpose"] == "newsletter"


def test_consents_come_in_bulk_with_one_attestation(shop: Client) -> None:
    rows = [
        {"external_id": name, "channel": "email", "consent": yes}
        for name, yes in (("c-3", True), ("c-4", False), ("nobody", True))
    ]
    body = {"attestation": "Paper forms at the till, 2025", "consents": rows}
    done = shop.post("/customers/consents/import", json=body).json()
    assert done == {"taken": 2, "unknown": ["nobody"]}
    found = shop.get(f"/customers/{customer_id(shop, 3)}/consents").json()
    assert found["current"] == {"email": True}
    assert found["entries"][0]["evidence"]["attestation"] == body["attestation"]
    body["attestation"] = "yes"
    problem(shop.post("/customers/consents/import", json=body), 422, "invalid_input")


def test_the_preference_page_sets_channels_and_a_pause(
    shop: Client, visitor: Client, store: Store
) -> None:
    who = customer_id(shop, 1)
    text = {"subject": "Hello", "body": "<p>Hello</p>"}
    sent = {"channel": "email", "to": {"external_id": "c-1"}, "content": text}
    made = shop.post("/messages/send", json=sent).json()
    page = LinkBook(store.settings.secret_key, "").unsubscribe(UUID(made["id"]))
    assert 'name="sms"' in visitor.get(page).text
    chosen = {"preferences": "1", "sms": "1", "email": "1", "pause": "30"}
    saved = visitor.post(page, data=chosen)
    assert "Your choice is saved" in saved.text
    assert "Paused until" in saved.text
    current = shop.get(f"/customers/{who}/consents").json()["current"]
    assert current["sms"] is True
    none = visitor.post(page, data={"preferences": "1", "pause": "0"})
    assert "sends you nothing" in none.text
    assert "Paused" not in none.text
    current = shop.get(f"/customers/{who}/consents").json()["current"]
    assert current["sms"] is current["email"] is False


def test_suppressions_are_added_listed_exported_and_lifted(shop: Client) -> None:
    rows = [
        {"channel": "email", "address": "person2@example.com", "reason": "complaint"},
        {"channel": "email", "address": "nobody"},
    ]
    done = shop.post("/suppressions", json={"suppressions": rows}).json()
    assert done["taken"] == 1
    assert done["rejected"][0]["row"] == 2
    (listed,) = shop.get("/suppressions").json()["suppressions"]
    assert listed["reason"] == "complaint"
    assert listed["address_hash"] in shop.get("/suppressions/export").text
    lifted = {"channel": "email", "address": "Person2@example.com"}
    assert shop.post("/suppressions/lift", json=lifted).status_code == 204
    problem(shop.post("/suppressions/lift", json=lifted), 404, "not_suppressed")


def test_a_reply_is_read_and_made_a_no(shop: Client, store: Store) -> None:
    who, phone = customer_id(shop, 1), "+15550100001"
    hashed = address_hash(address_key(store.settings.secret_key), Channel.SMS, phone)
    with store.engine.begin() as conn:
        replies.keep(
            conn, Channel.SMS, dedupe_key="k", customer_id=who, address=phone, hashed=hashed,
            words="leave me alone", at=clock.now(),
        )  # fmt: skip
    (waiting,) = shop.get("/replies").json()["replies"]
    assert waiting["likely_opt_out"] is True
    path = f"/replies/{waiting['id']}/opt-out"
    assert shop.post(path).json()["decision"] == "opted_out"
    problem(shop.post(path), 409, "reply_decided")
    problem(shop.post("/replies/999/dismiss"), 404, "reply_not_found")
    assert shop.get(f"/customers/{who}/consents").json()["current"]["sms"] is False


def test_an_export_is_whole_and_an_erasure_takes_many(shop: Client) -> None:
    who = customer_id(shop, 1)
    data = shop.get(f"/customers/{who}/export").json()
    parts = {"customer", "ids", "devices", "consents", "events", "messages", "links", "replies"}
    assert parts <= set(data)
    packed = shop.get(f"/customers/{who}/export", params={"format": "csv"})
    names = zipfile.ZipFile(io.BytesIO(packed.content)).namelist()
    assert {"everything.json", "customer.csv", "events.csv"} <= set(names)
    phones = zipfile.ZipFile(io.BytesIO(packed.content)).read("customer.csv").decode()
    assert "\"'+1555" in phones
    gone = [who, customer_id(shop, 2), 999_999]
    done = shop.post("/customers/erasures", json={"customer_ids": gone}).json()
    assert done == {"erased": 2, "unknown": [999_999]}
    problem(shop.get(f"/customers/{who}/export"), 404, "customer_not_found")
