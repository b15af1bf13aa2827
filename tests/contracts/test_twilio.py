"""Twilio through its real SDK against a server that speaks its protocol."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from loopback import Answer, Call, vendor
from provider_contract import AT, SECRET, ProviderContract
from twilio.request_validator import RequestValidator

from segmind.channels.channel import Channel
from segmind.channels.content import SmsContent
from segmind.channels.delivery import Word
from segmind.channels.outcome import Accepted, Rejected, Retry
from segmind.channels.provider import Found, NotFound, Parcel, Sender, Unknown
from segmind.channels.providers.twilio import UNDELIVERED, Twilio, TwilioSettings
from segmind.channels.webhook import Deliveries, Refused, WebhookRequest

PUBLIC = "https://shop.example.com"
KEY = b"k" * 32


def make(base_url: str, sender: str = "+15005550006", token: str = SECRET) -> Twilio:
    return Twilio(TwilioSettings("AC" + "0" * 32, token, sender, PUBLIC, base_url), KEY)


def created(call: Call) -> Answer:
    form = {k: v[0] for k, v in parse_qs(call.body.decode()).items()}
    sid = "SM" + uuid.uuid5(uuid.NAMESPACE_URL, form.get("StatusCallback", "")).hex
    body = json.dumps({"sid": sid, "status": "queued", "to": form.get("To")}).encode()
    return Answer(201, body, {"Content-Type": "application/json"}, accept=True)


def error(status: int, code: int, text: str = "No") -> Answer:
    return Answer(status, json.dumps({"code": code, "message": text, "status": status}).encode())


def signed(
    provider: Twilio, form: dict[str, str], query: str = "", token: str = SECRET
) -> WebhookRequest:
    url = f"{PUBLIC}/api/webhooks/twilio" + (f"?{query}" if query else "")
    signature = RequestValidator(token).compute_signature(url, form)
    return WebhookRequest.of(
        urlencode(form).encode(),
        {"X-Twilio-Signature": signature, "Content-Type": "application/x-www-form-urlencoded"},
        query=query,
        received_at=AT,
    )


def status_of(provider: Twilio, public_id: uuid.UUID, **form: str) -> WebhookRequest:
    query = urlsplit(provider.callback_url(public_id)).query
    given = {"MessageSid": "SM1", "MessageStatus": "delivered", "To": "+15005550009", **form}
    return signed(provider, given, query)


class TestTwilio(ProviderContract):
    channel = Channel.SMS
    address = "+15005550009"

    def provider(self, base_url: str) -> Twilio:
        return make(base_url)

    def prepares(self, call: Call) -> Answer | None:
        return None

    def accepts(self, call: Call) -> Answer:
        if call.method == "GET":
            return Answer(200, b'{"sid": "AC0", "friendly_name": "Shop"}')
        return created(call)

    def refuses_address(self, call: Call) -> Answer:
        return error(400, 21211, "Invalid 'To' Phone Number")

    def refuses_credentials(self, call: Call) -> Answer:
        return error(401, 20003, "Authenticate")

    def report(self, provider: object, public_id: uuid.UUID) -> WebhookRequest:
        assert isinstance(provider, Twilio)
        return status_of(provider, public_id)

    def test_the_request_is_what_twilio_documents(self) -> None:
        parcel = Parcel(uuid.uuid4(), self.address, SmsContent("Hé €"), ttl_seconds=99_999)
        with vendor(self.accepts) as running:
            provider = make(running.url)
            provider.send([parcel])
            make(running.url, "MG" + "1" * 32).send([parcel])
            make(running.url).send([replace(parcel, sender=Sender("+15005550001"))])
        first, service, other = (
            {k: v[0] for k, v in parse_qs(c.body.decode()).items()} for c in running.calls
        )
        assert running.calls[0].path == f"/2010-04-01/Accounts/AC{'0' * 32}/Messages.json"
        assert first["To"] == self.address
        assert first["Body"] == "Hé €"
        assert first["From"] == "+15005550006"
        assert first["ValidityPeriod"] == "36000"
        assert first["StatusCallback"] == provider.callback_url(parcel.message_public_id)
        assert f"m={parcel.message_public_id}" in first["StatusCallback"]
        assert service["MessagingServiceSid"].startswith("MG")
        assert "From" not in service
        assert other["From"] == "+15005550001"

    def test_a_public_address_on_this_machine_is_not_given_to_the_real_twilio(self) -> None:
        home = TwilioSettings("AC0", SECRET, "+15005550006", "http://127.0.0.1:8631")
        provider = Twilio(home, KEY)
        assert "status_callback" not in provider._status_callback(self.parcel())
        with vendor(self.accepts) as running:
            near = Twilio(replace(home, base_url=running.url), KEY)
            assert "status_callback" in near._status_callback(self.parcel())
            assert near.check().ok

    def test_answers_never_reach_another_message(self) -> None:
        parcels = [self.parcel() for _ in range(50)]
        with vendor(self.accepts) as running:
            provider = make(running.url)
            made = [o for _ in range(4) for o in provider.send(parcels)]
        for parcel, outcome in zip(parcels * 4, made, strict=True):
            url = provider.callback_url(parcel.message_public_id)
            assert isinstance(outcome, Accepted)
            assert outcome.provider_id == "SM" + uuid.uuid5(uuid.NAMESPACE_URL, url).hex

    @pytest.mark.parametrize(
        ("status", "code", "kind", "suppress", "pause"),
        [
            (429, 20429, Retry, False, False),
            (400, 21611, Retry, False, False),
            (400, 63038, Retry, False, True),
            (400, 21606, Retry, False, True),
            (403, 20403, Retry, False, True),
            (400, 35114, Retry, False, True),
            (400, 21610, Rejected, True, False),
            (400, 21614, Rejected, True, False),
            (400, 21612, Rejected, False, False),
            (400, 21617, Rejected, False, False),
            (400, 99999, Rejected, False, False),
        ],
    )
    def test_error_codes_have_their_class(
        self, status: int, code: int, kind: type, suppress: bool, pause: bool
    ) -> None:
        made, _ = self.outcome(error(status, code))
        assert isinstance(made, kind)
        assert getattr(made, "suppress", False) is suppress
        assert getattr(made, "pause_sender", False) is pause

    def test_problem_details_are_understood(self) -> None:
        body = json.dumps({"type": "x", "title": "No", "status": 400, "code": 21211}).encode()
        made, _ = self.outcome(Answer(400, body))
        assert isinstance(made, Rejected)
        assert made.suppress

    def test_the_lookup_proves_what_was_taken(self) -> None:
        parcel = self.parcel()
        row = {"sid": "SM9", "body": "Hi", "date_created": "Mon, 02 Mar 2026 12:00:05 +0000"}
        old = {"sid": "SM8", "body": "Hi", "date_created": "Sun, 01 Mar 2026 12:00:05 +0000"}
        for rows, wanted in (([old, row], Found("SM9")), ([old], NotFound()), ([], NotFound())):
            answer = Answer(200, json.dumps({"messages": rows, "next_page_uri": None}).encode())
            with vendor(lambda call, answer=answer: answer) as running:  # type: ignore[misc]
                assert make(running.url).find(parcel, AT) == wanted
        with vendor(lambda call: Answer(500)) as running:
            assert isinstance(make(running.url).find(parcel, AT), Unknown)

    def test_the_lookup_sees_through_what_twilio_does_to_a_text(self) -> None:
        parcel = replace(self.parcel(), content=SmsContent("It’s  here — now"))
        at = "Mon, 02 Mar 2026 12:00:05 +0000"
        for body, wanted in (
            ("It's here - now", Found("SM9")),
            ("Sent from your Twilio trial account - It’s here — now", Found("SM9")),
            ("It's there - now", NotFound()),
            ("", Unknown),
        ):
            row = {"sid": "SM9", "body": body, "date_created": at}
            answer = Answer(200, json.dumps({"messages": [row], "next_page_uri": None}).encode())
            with vendor(lambda call, answer=answer: answer) as running:  # type: ignore[misc]
                found = make(running.url).find(parcel, AT)
                assert found == wanted or type(found) is wanted
                assert "DateSent" not in running.calls[0].path

    @pytest.mark.parametrize("status", [404, 405])
    def test_an_address_that_is_not_twilios_pauses_the_sender(self, status: int) -> None:
        made, _ = self.outcome(Answer(status, b"<html>"))
        assert isinstance(made, Retry)
        assert made.pause_sender

    @pytest.mark.parametrize(
        ("form", "word", "suppress"),
        [
            ({"MessageStatus": "sent"}, Word.SENT, False),
            ({"MessageStatus": "undelivered", "ErrorCode": "30003"}, Word.BOUNCED_SOFT, False),
            ({"MessageStatus": "undelivered", "ErrorCode": "30006"}, Word.BOUNCED_HARD, True),
            ({"MessageStatus": "failed", "ErrorCode": "30007"}, Word.FAILED, False),
            ({"MessageStatus": "failed", "ErrorCode": "21610"}, Word.BOUNCED_HARD, True),
            ({"MessageStatus": "failed", "ErrorCode": "30008"}, Word.FAILED, False),
            ({"MessageStatus": "undelivered", "ErrorCode": "99999"}, Word.BOUNCED_SOFT, False),
            ({"MessageStatus": "read"}, Word.OPENED, False),
        ],
    )
    def test_statuses_become_words(self, form: dict[str, str], word: Word, suppress: bool) -> None:
        provider, public_id = make("http://127.0.0.1:1"), uuid.uuid4()
        read = provider.read_webhook(status_of(provider, public_id, **form))
        assert isinstance(read, Deliveries)
        (delivery,) = read.items
        assert (delivery.word, delivery.suppress) == (word, suppress)
        assert delivery.dedupe_key == f"SM1:{form['MessageStatus']}"

    @pytest.mark.parametrize("code", list(UNDELIVERED))
    def test_an_error_of_a_callback_is_told_in_words(self, code: int) -> None:
        provider = make("http://127.0.0.1:1")
        form = {"MessageStatus": "undelivered", "ErrorCode": str(code)}
        read = provider.read_webhook(status_of(provider, uuid.uuid4(), **form))
        assert isinstance(read, Deliveries)
        (delivery,) = read.items
        assert delivery.reason == UNDELIVERED[code]
        assert delivery.code == str(code)

    def test_a_new_status_is_ignored_and_new_fields_do_not_hurt(self) -> None:
        provider = make("http://127.0.0.1:1")
        request = status_of(provider, uuid.uuid4(), MessageStatus="teleported", NewField="x")
        assert provider.read_webhook(request) == Deliveries((), ignored=1)

    @pytest.mark.parametrize(
        ("body", "word"),
        [
            ("STOP", Word.INBOUND_STOP),
            ("stop please", Word.INBOUND_STOP),
            (" Opt-out!", Word.INBOUND_STOP),
            ("Arrêt", Word.INBOUND_STOP),
            ("START", Word.INBOUND_START),
            ("yes", Word.INBOUND_START),
            ("Yes, I like it", Word.INBOUND_TEXT),
            ("Please stop writing to me", Word.INBOUND_TEXT),
            ("👍", Word.INBOUND_TEXT),
            ("¡Alto!", Word.INBOUND_STOP),
            ("baja por favor", Word.INBOUND_STOP),
            ("ＳＴＯＰ", Word.INBOUND_STOP),
            ("désabonner", Word.INBOUND_STOP),
            ('"opt out" please', Word.INBOUND_STOP),
            ("STOPPING by tomorrow", Word.INBOUND_TEXT),
            ("Help", Word.INBOUND_HELP),
            ("Info, please", Word.INBOUND_TEXT),
            ("", Word.INBOUND_TEXT),
        ],
    )
    def test_replies_are_read(self, body: str, word: Word) -> None:
        provider = make("http://127.0.0.1:1")
        form = {"MessageSid": "SM7", "From": "+15005550009", "To": "+15005550006", "Body": body}
        read = provider.read_webhook(signed(provider, form))
        assert isinstance(read, Deliveries)
        (delivery,) = read.items
        assert (delivery.word, delivery.address) == (word, "+15005550009")
        assert delivery.message_public_id is None
        assert delivery.text == body

    def test_advanced_opt_out_decides(self) -> None:
        provider = make("http://127.0.0.1:1")
        form = {"MessageSid": "SM7", "From": "+1", "Body": "adios", "OptOutType": "STOP"}
        read = provider.read_webhook(signed(provider, form))
        assert isinstance(read, Deliveries)
        assert read.items[0].word is Word.INBOUND_STOP

    def test_another_messages_id_needs_its_own_proof(self) -> None:
        provider = make("http://127.0.0.1:1")
        stolen = urlsplit(provider.callback_url(uuid.uuid4())).query.split("&s=")[1]
        for query in (f"m={uuid.uuid4()}&s={stolen}", f"m={uuid.uuid4()}", "m=x&s=é"):
            form = {"MessageSid": "SM1", "MessageStatus": "delivered"}
            assert isinstance(provider.read_webhook(signed(provider, form, query)), Refused)

    def test_both_tokens_are_taken_while_they_rotate(self) -> None:
        provider = make("http://127.0.0.1:1", token="new, old")
        form = {"MessageSid": "SM7", "From": "+1", "Body": "hi"}
        for token in ("new", "old"):
            assert isinstance(
                provider.read_webhook(signed(provider, form, token=token)), Deliveries
            )
        assert isinstance(provider.read_webhook(signed(provider, form, token="other")), Refused)

    def test_a_shared_key_signature_is_taken(self) -> None:
        provider = make("http://127.0.0.1:1")
        form = {"MessageSid": "SM7", "From": "+1", "Body": "hi"}
        url = f"{PUBLIC}/api/webhooks/twilio"
        signature = RequestValidator(SECRET).compute_signature(url, form, "HMAC_SHA256")
        headers = {
            "X-Twilio-Signature": signature,
            "X-Twilio-Webhooks-Signature-Settings": "key=k1,algorithm=HMAC_SHA256",
        }
        request = WebhookRequest.of(urlencode(form).encode(), headers, received_at=AT)
        assert isinstance(provider.read_webhook(request), Deliveries)
        odd = {**headers, "X-Twilio-Webhooks-Signature-Settings": "key=k1,algorithm=MD5"}
        request = WebhookRequest.of(urlencode(form).encode(), odd, received_at=AT)
        assert isinstance(provider.read_webhook(request), Refused)
