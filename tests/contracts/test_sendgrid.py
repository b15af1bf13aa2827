"""SendGrid through its real SDK against a server that speaks its protocol."""

from __future__ import annotations

import base64
import json
import uuid
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from loopback import Answer, Call, vendor
from provider_contract import AT, SECRET, ProviderContract, stale

from segmind.channels.channel import Channel
from segmind.channels.content import EmailContent
from segmind.channels.delivery import Word
from segmind.channels.outcome import Accepted, InDoubt, Rejected, Retry
from segmind.channels.provider import Parcel, Sender, Unknown
from segmind.channels.providers.sendgrid import BadWebhookKey, SendGrid, SendGridSettings
from segmind.channels.webhook import Deliveries, Refusal, Refused, WebhookRequest
from segmind.templates.links import Links
from segmind.templates.render import render
from segmind.templates.template import EmailDraft
from segmind.templates.variables import sample_context

PRIVATE = ec.derive_private_key(0xC0FFEE, ec.SECP256R1())
FORMER = ec.derive_private_key(0xBEEF, ec.SECP256R1())


def public(key: ec.EllipticCurvePrivateKey) -> str:
    der = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return base64.b64encode(der).decode()


def make(base_url: str = "http://127.0.0.1:1", keys: tuple[str, ...] | None = None) -> SendGrid:
    keys = (public(PRIVATE), public(FORMER)) if keys is None else keys
    return SendGrid(SendGridSettings(SECRET, "shop@example.com", keys, "Demo Shop", base_url))


def taken(call: Call) -> Answer:
    return Answer(202, b"", {"X-Message-Id": uuid.uuid4().hex}, accept=True)


def errors(status: int, *pairs: tuple[str, str]) -> Answer:
    body = {"errors": [{"message": text, "field": where} for where, text in pairs]}
    return Answer(status, json.dumps(body).encode(), {"Content-Type": "application/json"})


def signed(events: Any, key: ec.EllipticCurvePrivateKey = PRIVATE) -> WebhookRequest:
    body = events if isinstance(events, bytes) else json.dumps(events).encode()
    timestamp = str(int(AT.timestamp()))
    signature = key.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
    return WebhookRequest.of(
        body,
        {
            "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
            "X-Twilio-Email-Event-Webhook-Timestamp": timestamp,
            "Content-Type": "application/json",
        },
        received_at=AT,
    )


def event(public_id: uuid.UUID, kind: str = "delivered", **fields: Any) -> dict[str, Any]:
    return {
        "email": "ada@example.com",
        "timestamp": int(AT.timestamp()),
        "event": kind,
        "sg_event_id": uuid.uuid4().hex,
        "sg_message_id": "abc123.filter-1.0",
        "m": str(public_id),
        **fields,
    }


def received(call: Call) -> dict[str, dict[str, Any]]:
    """What each recipient of a request gets, as SendGrid puts it together."""
    payload = call.json
    text, html = (part["value"] for part in payload["content"])
    out = {}
    for personal in payload["personalizations"]:
        (to,) = personal["to"]
        given = personal.get("substitutions", {})
        mine = {"html": html, "text": text}
        for key, value in given.items():
            mine = {name: body.replace(key, value) for name, body in mine.items()}
        assert to["email"] not in out
        out[to["email"]] = {**mine, **personal}
    return out


DRAFT = EmailDraft(
    subject="Hi {{ first_name }}",
    body="<p>Dear {{ first_name }},</p>{% if vip %}<p>VIP</p>{% endif %}"
    "<a href='{{ cart.url }}'>Cart</a> <p>" + "the same for all " * 500 + "</p>",
)


def rendered(i: int, **values: Any) -> Parcel:
    links = Links(
        link_for=lambda url: f"https://t.example/{i}?to={url[-4:]}",
        unsubscribe_url=f"https://t.example/u/{i}",
    )
    content = render(DRAFT, sample_context({"first_name": f"N{i}-<&", **values}), links)
    assert isinstance(content, EmailContent)
    return Parcel(uuid.uuid5(uuid.NAMESPACE_URL, str(i)), f"c{i}@example.com", content)


class TestSendGrid(ProviderContract):
    channel = Channel.EMAIL
    address = "ada@example.com"

    def provider(self, base_url: str) -> SendGrid:
        return make(base_url)

    def prepares(self, call: Call) -> Answer | None:
        return None

    def accepts(self, call: Call) -> Answer:
        if call.method == "GET":
            return Answer(200, b'{"scopes": ["mail.send"]}')
        return taken(call)

    def refuses_address(self, call: Call) -> Answer:
        return errors(400, ("personalizations.0.to.0.email", "Does not contain a valid address."))

    def refuses_credentials(self, call: Call) -> Answer:
        return errors(401, ("", "The provided authorization grant is invalid"))

    def report(self, provider: object, public_id: uuid.UUID) -> WebhookRequest:
        return signed([event(public_id)])

    def test_500_recipients_share_one_request_and_each_gets_exactly_his_own(self) -> None:
        parcels = [rendered(i, vip=i % 3 == 0) for i in range(500)]
        with vendor(taken) as running:
            made = make(running.url).send(parcels)
        assert all(isinstance(o, Accepted) for o in made)
        (call,) = running.accepted
        got = received(call)
        for parcel in parcels:
            content = parcel.content
            assert isinstance(content, EmailContent)
            mine = got[parcel.address]
            assert mine["html"] == content.html
            assert mine["text"] == content.text
            assert mine["subject"] == content.subject
            assert mine["headers"] == dict(content.headers)
            assert mine["custom_args"] == {"m": str(parcel.message_public_id)}
        assert len(call.body) < sum(len(p.content.html) for p in parcels) / 4  # type: ignore[union-attr]

    def test_tracking_by_sendgrid_is_off_where_ours_is_on(self) -> None:
        with vendor(taken) as running:
            make(running.url).send([rendered(1)])
        tracking = running.calls[0].json["tracking_settings"]
        assert tracking["subscription_tracking"] == {"enable": False}
        assert tracking["click_tracking"]["enable"] is False
        assert tracking["open_tracking"] == {"enable": True}
        assert running.calls[0].path == "/v3/mail/send"
        assert running.calls[0].headers["authorization"] == f"Bearer {SECRET}"
        assert running.calls[0].json["from"] == {"email": "shop@example.com", "name": "Demo Shop"}

    def test_one_address_never_stands_twice_in_a_request(self) -> None:
        parcels = [rendered(1), rendered(2), replace(rendered(3), address="C1@example.com")]
        with vendor(taken) as running:
            made = make(running.url).send(parcels)
        assert [type(o) for o in made] == [Accepted] * 3
        assert sorted(len(received(c)) for c in running.accepted) == [1, 2]

    def test_texts_and_senders_are_not_mixed(self) -> None:
        other = Parcel(
            uuid.uuid4(), "x@example.com", EmailContent("S", "", "<p>other</p>", "other")
        )
        sender = replace(rendered(2), sender=Sender("news@example.com", "News"))
        with vendor(taken) as running:
            make(running.url).send([rendered(1), other, sender])
        whole = [received(c) for c in running.accepted]
        assert len(whole) == 3
        assert {c.json["from"]["email"] for c in running.accepted} == {
            "shop@example.com",
            "news@example.com",
        }
        assert any(got.get("x@example.com", {}).get("html") == "<p>other</p>" for got in whole)

    def test_a_recipient_with_very_much_of_his_own_goes_alone_and_whole(self) -> None:
        long = rendered(1, vip=True, first_name="ä" * 6000)
        with vendor(taken) as running:
            make(running.url).send([long, rendered(2), rendered(3)])
        assert sorted(len(received(c)) for c in running.accepted) == [1, 2]
        got = {k: v for c in running.accepted for k, v in received(c).items()}
        assert got[long.address]["html"] == long.content.html  # type: ignore[union-attr]

    def test_a_value_cannot_pretend_to_be_a_slot(self) -> None:
        evil = rendered(1, first_name="-1- -t1- %n% [x] {{ y }} -abc.1-")
        with vendor(taken) as running:
            make(running.url).send([evil, rendered(2)])
        (call,) = running.accepted
        assert received(call)[evil.address]["html"] == evil.content.html  # type: ignore[union-attr]

    def test_a_faulty_recipient_does_not_hold_up_the_others(self) -> None:
        def plan(call: Call) -> Answer:
            places = [
                (f"personalizations.{i}.to.0.email", "Does not contain a valid address.")
                for i, p in enumerate(call.json["personalizations"])
                if p["to"][0]["email"] in ("c3@example.com", "c7@example.com")
            ]
            return errors(400, *places) if places else taken(call)

        with vendor(plan) as running:
            made = make(running.url).send([rendered(i) for i in range(10)])
        assert [i for i, o in enumerate(made) if isinstance(o, Rejected)] == [3, 7]
        assert len(running.accepted) == 1
        assert len(received(running.accepted[0])) == 8

    def test_a_fault_without_a_place_is_found_by_parting(self) -> None:
        def plan(call: Call) -> Answer:
            subjects = [p["subject"] for p in call.json["personalizations"]]
            return errors(400, ("", "Bad")) if any("N13-" in s for s in subjects) else taken(call)

        with vendor(plan) as running:
            made = make(running.url).send([rendered(i) for i in range(40)])
        assert [i for i, o in enumerate(made) if not isinstance(o, Accepted)] == [13]
        assert sum(len(received(c)) for c in running.accepted) == 39

    def test_a_vendor_that_refuses_everything_is_not_asked_for_ever(self) -> None:
        with vendor(lambda call: errors(400, ("", "Bad"))) as running:
            made = make(running.url).send([rendered(i) for i in range(200)])
        assert len(running.calls) <= 60
        assert all(isinstance(o, Rejected | Retry) for o in made)

    def test_a_lost_answer_leaves_the_whole_request_in_doubt(self) -> None:
        with vendor(lambda call: Answer(503, accept=True)) as running:
            made = make(running.url).send([rendered(i) for i in range(5)])
        assert [type(o) for o in made] == [InDoubt] * 5
        assert len(running.calls) == 1

    def test_a_refused_sender_pauses_the_sender(self) -> None:
        made, _ = self.outcome(errors(400, ("from.email", "The from address is not verified")))
        assert isinstance(made, Retry)
        assert made.pause_sender

    def test_it_says_that_it_cannot_be_asked(self) -> None:
        assert isinstance(make().find(self.parcel(), AT), Unknown)

    @pytest.mark.parametrize(
        ("kind", "fields", "word"),
        [
            ("processed", {}, Word.SENT),
            ("deferred", {}, Word.QUEUED),
            ("bounce", {"type": "bounce", "status": "5.1.1"}, Word.BOUNCED_HARD),
            ("bounce", {"type": "blocked"}, Word.BOUNCED_SOFT),
            ("dropped", {"reason": "Bounced Address"}, Word.FAILED),
            ("open", {}, Word.OPENED),
            ("click", {"url": "https://a.example"}, Word.CLICKED),
            ("spamreport", {}, Word.COMPLAINED),
            ("unsubscribe", {}, Word.UNSUBSCRIBED),
            ("group_unsubscribe", {}, Word.UNSUBSCRIBED),
        ],
    )
    def test_events_become_words(self, kind: str, fields: dict[str, Any], word: Word) -> None:
        read = make().read_webhook(signed([event(uuid.uuid4(), kind, **fields)]))
        assert isinstance(read, Deliveries)
        (delivery,) = read.items
        assert delivery.word is word
        assert delivery.provider_id == "abc123"
        assert delivery.suppress is (kind == "dropped")

    @pytest.mark.parametrize(
        ("reason", "suppress"),
        [
            ("Bounced Address", True),
            ("Unsubscribed Address", True),
            ("Spam Reporting Address", True),
            ("Invalid", True),
            ("Invalid SMTPAPI header", False),
            ("Spam Content (if spam checker app enabled)", False),
            ("Recipient List over Package Quota", False),
            (None, False),
        ],
    )
    def test_only_the_addresses_own_fault_suppresses_it(
        self, reason: str | None, suppress: bool
    ) -> None:
        read = make().read_webhook(signed([event(uuid.uuid4(), "dropped", reason=reason)]))
        assert isinstance(read, Deliveries)
        assert read.items[0].suppress is suppress

    def test_a_machine_open_is_flagged(self) -> None:
        read = make().read_webhook(signed([event(uuid.uuid4(), "open", sg_machine_open=True)]))
        assert isinstance(read, Deliveries)
        assert read.items[0].machine

    def test_a_late_bounce_without_our_id_still_names_the_address(self) -> None:
        odd = event(uuid.uuid4(), "bounce", type="bounce")
        del odd["m"], odd["sg_message_id"], odd["sg_event_id"]
        one, two = (make().read_webhook(signed([odd])) for _ in range(2))
        assert isinstance(one, Deliveries)
        assert isinstance(two, Deliveries)
        assert one.items[0].message_public_id is None
        assert one.items[0].address == "ada@example.com"
        assert one.items[0].dedupe_key == two.items[0].dedupe_key

    def test_odd_events_are_left_out_and_the_others_kept(self) -> None:
        good = event(uuid.uuid4())
        bad: list[Any] = [
            None,
            5,
            "x",
            [],
            {},
            {**good, "timestamp": "soon"},
            {**good, "event": "account_status"},
            {**good, "timestamp": 1 << 60},
            {**good, "timestamp": -1},
        ]
        read = make().read_webhook(signed([*bad, good, {**good, "m": "no-uuid", "sg_event_id": 5}]))
        assert isinstance(read, Deliveries)
        assert (len(read.items), read.ignored) == (2, len(bad))
        assert read.items[1].message_public_id is None

    @pytest.mark.parametrize("body", [b"{}", b"null", b"5", b"[", b"{", b'"x"'])
    def test_what_is_signed_and_no_list_is_malformed(self, body: bytes) -> None:
        read = make().read_webhook(signed(body))
        assert isinstance(read, Refused)
        assert read.reason is Refusal.MALFORMED

    def test_a_report_of_the_day_before_yesterday_is_stale(self) -> None:
        read = make().read_webhook(stale(signed([event(uuid.uuid4())])))
        assert isinstance(read, Refused)
        assert read.reason is Refusal.STALE

    def test_both_keys_are_taken_while_they_rotate_and_none_without_a_key(self) -> None:
        request = signed([event(uuid.uuid4())], FORMER)
        assert isinstance(make().read_webhook(request), Deliveries)
        assert isinstance(make(keys=(public(PRIVATE),)).read_webhook(request), Refused)
        assert isinstance(make(keys=()).read_webhook(request), Refused)
        assert isinstance(make(keys=("nonsense",)).read_webhook(request), Refused)

    def test_a_webhook_key_that_is_none_is_refused_before_it_is_stored(self) -> None:
        given = {"api_key": "k", "from": "shop@example.com", "webhook_key": "nonsense"}
        with pytest.raises(BadWebhookKey):
            SendGridSettings.of(given)
