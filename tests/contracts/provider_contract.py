"""What every provider promises, whatever its vendor: inherited by each provider's test class."""

from __future__ import annotations

import logging
import time
import uuid
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from loopback import Answer, Call, Vendor, free_port, vendor

from segmind.channels.channel import Channel
from segmind.channels.content import Content, EmailContent, PushContent, SmsContent
from segmind.channels.delivery import Delivery
from segmind.channels.outcome import Accepted, InDoubt, Outcome, Rejected, Retry
from segmind.channels.provider import Parcel, Provider
from segmind.channels.providers import network
from segmind.channels.providers.sendgrid import client as sendgrid_client
from segmind.channels.webhook import Deliveries, Refused, WebhookRequest

AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SECRET = "s3cret-that-must-not-be-logged"


class ProviderContract:
    """Subclasses say how their vendor answers and signs; the promises are these."""

    channel: Channel
    address: str

    # --- the vendor's side -------------------------------------------------------------------

    @abstractmethod
    def provider(self, base_url: str) -> Provider: ...

    @abstractmethod
    def accepts(self, call: Call) -> Answer:
        """The vendor takes the message."""

    @abstractmethod
    def prepares(self, call: Call) -> Answer | None:
        """An answer to what is not a message (a token); None for a message."""

    @abstractmethod
    def refuses_address(self, call: Call) -> Answer: ...

    @abstractmethod
    def refuses_credentials(self, call: Call) -> Answer: ...

    @abstractmethod
    def report(self, provider: Provider, public_id: uuid.UUID) -> WebhookRequest | None:
        """A signed report of a delivery of this message; None where the vendor reports nothing."""

    # --- helpers -----------------------------------------------------------------------------

    def content(self) -> Content:
        return {
            Channel.EMAIL: EmailContent("Hi", "", "<p>Hi</p>", "Hi"),
            Channel.SMS: SmsContent("Hi"),
            Channel.PUSH: PushContent("Hi", "There"),
        }[self.channel]

    def parcel(self, address: str | None = None) -> Parcel:
        return Parcel(uuid.uuid4(), address or self.address, self.content())

    @pytest.fixture
    def impatient(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Waits 0.6 seconds for an answer, so that the tests of lost answers end soon."""
        monkeypatch.setattr(network, "READ_SECONDS", 0.6)
        monkeypatch.setattr(network, "CONNECT_SECONDS", 0.3)
        monkeypatch.setattr(sendgrid_client, "READ_SECONDS", 0.6)

    def outcome(self, answer: Answer) -> tuple[Outcome, Vendor]:
        with vendor(lambda call: self.prepares(call) or answer) as running:
            (made,) = self.provider(running.url).send([self.parcel()])
            return made, running

    def messages(self, running: Vendor) -> list[Call]:
        return [call for call in running.calls if self.prepares(call) is None]

    # --- promises: sending -------------------------------------------------------------------

    def test_a_taken_message_is_accepted_under_the_vendors_id(self) -> None:
        with vendor(lambda call: self.prepares(call) or self.accepts(call)) as running:
            (made,) = self.provider(running.url).send([self.parcel()])
        assert isinstance(made, Accepted)
        assert made.provider_id
        assert len(running.accepted) == 1

    def test_a_batch_has_one_outcome_each_in_order(self) -> None:
        parcels = [
            self.parcel(f"{i}{self.address}" if self.channel is Channel.EMAIL else None)
            for i in range(20)
        ]
        with vendor(lambda call: self.prepares(call) or self.accepts(call)) as running:
            made = self.provider(running.url).send(parcels)
        assert [type(o) for o in made] == [Accepted] * 20

    def test_too_many_requests_are_retried_when_the_vendor_says(self) -> None:
        made, running = self.outcome(Answer(429, b"{}", {"Retry-After": "7"}))
        assert isinstance(made, Retry)
        assert made.after_seconds == 7.0
        assert len(self.messages(running)) == 1

    def test_a_date_in_retry_after_is_understood_and_bounded(self) -> None:
        later = datetime.fromtimestamp(time.time() + 30, UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
        made, _ = self.outcome(Answer(429, b"{}", {"Retry-After": later}))
        assert isinstance(made, Retry)
        assert made.after_seconds == pytest.approx(30, abs=3)
        made, _ = self.outcome(Answer(429, b"{}", {"Retry-After": "999999"}))
        assert isinstance(made, Retry)
        assert made.after_seconds == 900.0
        made, _ = self.outcome(Answer(429, b"{}", {"Retry-After": "soon, perhaps"}))
        assert isinstance(made, Retry)

    @pytest.mark.parametrize("status", [500, 502, 503, 504])
    def test_a_server_error_is_in_doubt_and_never_asked_again(self, status: int) -> None:
        made, running = self.outcome(Answer(status, b"oops", accept=True))
        assert isinstance(made, InDoubt)
        assert len(self.messages(running)) == 1

    @pytest.mark.parametrize(
        "answer",
        [
            Answer(200, b"", wait=1.5, accept=True),
            Answer(200, b"", end="reset", accept=True),
            Answer(201, b'{"sid": "S', end="torn", accept=True),
            Answer(201, b" ", end="drip", accept=True),
        ],
        ids=["hangs", "resets", "torn", "drips"],
    )
    @pytest.mark.usefixtures("impatient")
    def test_a_lost_answer_is_in_doubt_and_never_asked_again(self, answer: Answer) -> None:
        started = time.monotonic()
        made, running = self.outcome(answer)
        assert isinstance(made, InDoubt)
        assert len(self.messages(running)) == 1
        assert time.monotonic() - started < 15

    @pytest.mark.parametrize("status", [301, 302, 307])
    def test_a_redirect_is_not_followed(self, status: int) -> None:
        made, running = self.outcome(Answer(status, b"", {"Location": "http://127.0.0.1:1/x"}))
        assert isinstance(made, InDoubt)
        assert len(self.messages(running)) == 1

    def test_a_vendor_that_is_not_there_is_proved_not_sent(self) -> None:
        made = self.provider(f"http://127.0.0.1:{free_port()}").send([self.parcel()])
        assert [type(o) for o in made] == [Retry]

    def test_a_bad_address_is_rejected_and_suppressed(self) -> None:
        with vendor(lambda call: self.prepares(call) or self.refuses_address(call)) as running:
            (made,) = self.provider(running.url).send([self.parcel()])
        assert isinstance(made, Rejected)
        assert made.suppress
        assert made.detail

    def test_refused_credentials_pause_the_sender_and_burn_no_message(self) -> None:
        with vendor(lambda call: self.prepares(call) or self.refuses_credentials(call)) as running:
            provider = self.provider(running.url)
            (made,) = provider.send([self.parcel()])
            assert not provider.check().ok
        assert isinstance(made, Retry)
        assert made.pause_sender

    def test_content_of_another_channel_is_rejected_unsent(self) -> None:
        other = SmsContent("x") if self.channel is not Channel.SMS else PushContent("x", "y")
        with vendor(lambda call: self.prepares(call) or self.accepts(call)) as running:
            (made,) = self.provider(running.url).send([replace(self.parcel(), content=other)])
        assert isinstance(made, Rejected)
        assert running.accepted == []

    def test_a_good_account_passes_the_check_and_a_dead_vendor_does_not(self) -> None:
        with vendor(lambda call: self.prepares(call) or self.checks(call)) as running:
            assert self.provider(running.url).check().ok
        assert not self.provider(f"http://127.0.0.1:{free_port()}").check().ok

    def checks(self, call: Call) -> Answer:
        """The vendor's answer to the check."""
        return self.accepts(call)

    def test_connections_are_kept_and_no_secret_is_logged(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        with vendor(lambda call: self.prepares(call) or self.accepts(call)) as running:
            provider = self.provider(running.url)
            for _ in range(10):
                provider.send([self.parcel()])
            assert running.connections <= 3
        written = caplog.text
        assert SECRET not in written
        assert self.address not in written

    # --- promises: reports -------------------------------------------------------------------

    def test_a_signed_report_is_read(self) -> None:
        provider, public_id = self.provider("http://127.0.0.1:1"), uuid.uuid4()
        request = self.report(provider, public_id)
        if request is None:
            assert not provider.capabilities.receipts
            return
        read = provider.read_webhook(request)
        assert isinstance(read, Deliveries)
        (delivery,) = read.items
        assert delivery.message_public_id == public_id
        assert delivery.provider == provider.name
        assert delivery.dedupe_key
        assert Delivery.from_json(delivery.to_json()) == delivery

    def test_a_forged_odd_or_unsigned_report_is_refused_and_never_raises(self) -> None:
        provider = self.provider("http://127.0.0.1:1")
        good = self.report(provider, uuid.uuid4()) or WebhookRequest(b"[]", {}, "", AT)
        for request in _spoilt(good):
            read = provider.read_webhook(request)
            assert isinstance(read, Refused), request
            assert read.detail


def _spoilt(good: WebhookRequest) -> Iterator[WebhookRequest]:
    yield replace(good, headers={})
    yield replace(good, headers={**good.headers, **dict.fromkeys(good.headers, "")})
    for odd in ("x", "=", "AAAA", "é", "\udcff", "a" * 5000, "0", "-1", "1e9"):
        for name in good.headers:
            if name != "content-type":
                yield replace(good, headers={**good.headers, name: odd})
    yield replace(good, body=good.body + b" ")
    yield replace(good, body=b"")
    yield replace(good, body=b"\xff\xfe\x00")
    yield replace(good, body=b"[" * 100_000)
    yield replace(good, body=b"x" * (5 * 1024 * 1024 + 1))


def stale(request: WebhookRequest) -> WebhookRequest:
    """The same request, received two days later."""
    return replace(request, received_at=AT + timedelta(days=2))
