"""FCM through google-auth and pyfcm's payloads against a server that speaks its protocol."""

from __future__ import annotations

import json
import threading
import uuid
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from loopback import Answer, Call, vendor
from provider_contract import AT, ProviderContract

from segmind.channels.channel import Channel
from segmind.channels.content import PushContent
from segmind.channels.outcome import Accepted, InDoubt, Rejected, Retry
from segmind.channels.provider import Parcel, Unknown
from segmind.channels.providers.fcm import BadServiceAccount, Fcm, FcmSettings
from segmind.channels.webhook import WebhookRequest

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM,
    serialization.PrivateFormat.PKCS8,
    serialization.NoEncryption(),
).decode()


def account(base_url: str) -> dict[str, str]:
    return {
        "type": "service_account",
        "project_id": "demo-shop",
        "private_key_id": "k1",
        "private_key": PEM,
        "client_email": "push@demo-shop.iam.gserviceaccount.com",
        "token_uri": f"{base_url}/token",
    }


def make(base_url: str) -> Fcm:
    return Fcm(FcmSettings(account(base_url), base_url))


def token(call: Call) -> Answer | None:
    if call.path != "/token":
        return None
    body = {"access_token": f"t-{uuid.uuid4().hex}", "expires_in": 3600, "token_type": "Bearer"}
    return Answer(200, json.dumps(body).encode(), {"Content-Type": "application/json"})


def taken(call: Call) -> Answer:
    body = {"name": f"projects/demo-shop/messages/{uuid.uuid4().hex}"}
    return Answer(200, json.dumps(body).encode(), {"Content-Type": "application/json"}, accept=True)


def error(status: int, code: str, detail: dict[str, Any] | None = None) -> Answer:
    body = {"error": {"code": status, "message": "No", "status": code, "details": [detail or {}]}}
    return Answer(status, json.dumps(body).encode(), {"Content-Type": "application/json"})


class TestFcm(ProviderContract):
    channel = Channel.PUSH
    address = "device-token-0123456789"

    def provider(self, base_url: str) -> Fcm:
        return make(base_url)

    def prepares(self, call: Call) -> Answer | None:
        return token(call)

    def accepts(self, call: Call) -> Answer:
        return taken(call)

    def refuses_address(self, call: Call) -> Answer:
        return error(404, "NOT_FOUND", {"errorCode": "UNREGISTERED"})

    def refuses_credentials(self, call: Call) -> Answer:
        return error(403, "PERMISSION_DENIED")

    def report(self, provider: object, public_id: uuid.UUID) -> WebhookRequest | None:
        return None

    def test_refused_credentials_pause_the_sender_and_burn_no_message(self) -> None:
        refused = Answer(400, b'{"error": "invalid_grant"}', {"Content-Type": "application/json"})
        with vendor(lambda call: refused) as running:
            provider = make(running.url)
            (made,) = provider.send([self.parcel()])
            check = provider.check()
        assert isinstance(made, Retry)
        assert made.pause_sender
        assert not check.ok
        assert {c.path for c in running.calls} == {"/token"}

    def test_a_forbidden_project_pauses_the_sender(self) -> None:
        made, _ = self.outcome(error(403, "PERMISSION_DENIED"))
        assert isinstance(made, Retry)
        assert made.pause_sender

    def test_the_request_is_what_fcm_documents(self) -> None:
        content = PushContent("Hi", "There", {"link": "shop://cart"}, "https://a.example/i.png")
        parcel = Parcel(uuid.uuid4(), self.address, content, ttl_seconds=3600)
        with vendor(lambda call: token(call) or taken(call)) as running:
            make(running.url).send([parcel])
        (call,) = running.accepted
        mine = str(parcel.message_public_id)
        message = call.json["message"]
        assert call.path == "/v1/projects/demo-shop/messages:send"
        assert call.headers["authorization"].startswith("Bearer t-")
        assert message["token"] == self.address
        assert message["notification"] == {
            "title": "Hi",
            "body": "There",
            "image": "https://a.example/i.png",
        }
        assert message["data"] == {"link": "shop://cart", "m": mine}
        assert message["android"]["collapse_key"] == mine
        assert message["android"]["notification"]["tag"] == mine
        assert message["android"]["ttl"] == "3600s"
        assert message["apns"]["headers"]["apns-collapse-id"] == mine

    def test_a_repeat_carries_the_same_collapse_id(self) -> None:
        parcel = self.parcel()
        with vendor(lambda call: token(call) or taken(call)) as running:
            provider = make(running.url)
            provider.send([parcel])
            provider.send([parcel])
        one, two = (c.json["message"]["android"]["collapse_key"] for c in running.accepted)
        assert one == two
        assert make("http://127.0.0.1:1").capabilities.repeat_is_harmless

    @pytest.mark.parametrize(
        ("answer", "kind", "suppress"),
        [
            (error(404, "NOT_FOUND", {"errorCode": "UNREGISTERED"}), Rejected, True),
            (error(403, "PERMISSION_DENIED", {"errorCode": "SENDER_ID_MISMATCH"}), Rejected, True),
            (
                error(400, "INVALID_ARGUMENT", {"fieldViolations": [{"field": "message.token"}]}),
                Rejected,
                True,
            ),
            (error(400, "INVALID_ARGUMENT"), Rejected, False),
            (error(401, "UNAUTHENTICATED", {"errorCode": "THIRD_PARTY_AUTH_ERROR"}), Retry, False),
            (error(429, "RESOURCE_EXHAUSTED", {"errorCode": "QUOTA_EXCEEDED"}), Retry, False),
            (error(503, "UNAVAILABLE"), InDoubt, False),
            (Answer(200, b"{}"), InDoubt, False),
            (Answer(200, b"[" * 5000), InDoubt, False),
            (Answer(404, b"<html>"), Rejected, False),
        ],
    )
    def test_errors_have_their_class(self, answer: Answer, kind: type, suppress: bool) -> None:
        made, _ = self.outcome(answer)
        assert isinstance(made, kind)
        assert getattr(made, "suppress", False) is suppress

    def test_quota_without_a_time_waits_a_minute(self) -> None:
        made, _ = self.outcome(error(429, "RESOURCE_EXHAUSTED"))
        assert isinstance(made, Retry)
        assert made.after_seconds == 60.0

    def test_one_token_serves_every_thread(self) -> None:
        with vendor(lambda call: token(call) or taken(call)) as running:
            provider = make(running.url)
            outcomes: list[Any] = []
            threads = [
                threading.Thread(
                    target=lambda: outcomes.extend(provider.send([self.parcel()] * 10))
                )
                for _ in range(8)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert len(outcomes) == 80
        assert all(isinstance(o, Accepted) for o in outcomes)
        assert sum(c.path == "/token" for c in running.calls) == 1

    def test_a_token_that_is_refused_is_fetched_anew(self) -> None:
        refused: list[str] = []

        def plan(call: Call) -> Answer:
            if not refused:
                refused.append(call.headers["authorization"])
            if call.headers["authorization"] in refused:
                return error(401, "UNAUTHENTICATED")
            return taken(call)

        with vendor(lambda call: token(call) or plan(call)) as running:
            provider = make(running.url)
            first, second = provider.send([self.parcel()]), provider.send([self.parcel()])
        assert isinstance(first[0], Retry)
        assert isinstance(second[0], Accepted)

    def test_it_says_that_it_cannot_be_asked(self) -> None:
        assert isinstance(make("http://127.0.0.1:1").find(self.parcel(), AT), Unknown)

    def test_the_service_account_is_a_path_or_the_json_itself(self, tmp_path: Path) -> None:
        text = json.dumps(account("https://oauth.example"))
        path = tmp_path / "account.json"
        path.write_text(text)
        for given in (text, str(path)):
            found = FcmSettings.of({"service_account": given})
            assert found is not None
            assert found.service_account["project_id"] == "demo-shop"
        assert FcmSettings.of({}) is None

    @pytest.mark.parametrize("given", ["/nowhere.json", "{}", "{", '{"project_id": 5}', "[]"])
    def test_what_is_no_service_account_is_refused_in_words(self, given: str) -> None:
        with pytest.raises(BadServiceAccount):
            FcmSettings.of({"service_account": given})

    def test_a_key_that_is_no_key_is_refused_in_words(self) -> None:
        spoilt = {**account("https://oauth.example"), "private_key": "nonsense"}
        with pytest.raises(BadServiceAccount):
            Fcm(FcmSettings(spoilt))
