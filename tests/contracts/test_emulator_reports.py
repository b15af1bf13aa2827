"""What the emulator reports, read by the real providers: signed, in any order, never forged."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from product import Product, product

from segmind.channels import registry
from segmind.channels.channel import Channel
from segmind.channels.content import EmailContent, Slots, SmsContent
from segmind.channels.delivery import Delivery, Word
from segmind.channels.emulator import reporting
from segmind.channels.emulator.noise import Noise
from segmind.channels.emulator.reporting import Reporter
from segmind.channels.emulator.running import InThread, emulating
from segmind.channels.emulator.wire import Reply, Request
from segmind.channels.fates import Habits
from segmind.channels.outcome import Accepted
from segmind.channels.provider import Parcel
from segmind.channels.registry import Registry
from segmind.channels.webhook import Deliveries, Refused, WebhookRequest
from segmind.settings import from_environment

#: Everybody opens and clicks and then leaves, within a moment.
EAGER = Habits(0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0, open_median=1.0, open_sigma=0.1)
UNLUCKY = Habits(0.5, 0.5, 0.0, 0.0, 0.1, 0.0, 0.0, hard_reason="550 no", soft_reason="452 full")


@dataclass
class Intake:
    """Segmind's webhooks and links without the rest of it."""

    registry: Registry | None = None
    deliveries: list[Delivery] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    visits: list[Request] = field(default_factory=list)
    failing: int = 0

    def answer(self, request: Request) -> Reply:
        if not request.path.startswith("/api/webhooks/"):
            self.visits.append(request)
            return Reply(302, b"", "Location: https://shop.example/\r\n")
        if self.failing:
            self.failing -= 1
            return Reply(503)
        assert self.registry is not None
        headers = dict(
            line.split(": ", 1) for line in request.head.decode().strip().split("\r\n") if line
        )
        read = self.registry.named(request.path.rpartition("/")[2]).read_webhook(
            WebhookRequest.of(
                request.body, headers, query=request.query, received_at=datetime.now(UTC)
            )
        )
        if isinstance(read, Refused):
            self.refused.append(read)
            return Reply(403, b"{}")
        assert isinstance(read, Deliveries)
        self.deliveries += read.items
        return Reply(200, b"{}")


@contextmanager
def rehearsal(
    tmp_path: Path, habits: Habits, noise: Noise
) -> Iterator[tuple[Intake, Product, InThread]]:
    intake = Intake()
    with product(intake.answer) as shop:
        everybody = dict.fromkeys(Channel, habits)
        reporter = Reporter(shop.url, noise=noise, habits=everybody, speed=1e6, haste=10.0)
        with emulating(seed=11, reporter=reporter) as emulator:
            given = {
                **emulator.environment,
                "SEGMIND_SECRET_KEY": "k" * 40,
                "SEGMIND_HOME": str(tmp_path),
                "SEGMIND_PUBLIC_URL": shop.url,
            }
            intake.registry = registry.build(from_environment(given))
            yield intake, shop, emulator


def send(intake: Intake, url: str, n: int) -> list[Parcel]:
    """``n`` e-mails and ``n`` text messages, each with a link of its own."""
    pieces = ("<a href='", "'>To the shop</a>")
    sent = []
    for channel in (Channel.EMAIL, Channel.SMS):
        parcels = []
        for i in range(n):
            link = f"{url}/l/{channel}{i}"
            slots = Slots(pieces, (link,))
            headers = {
                "List-Unsubscribe": f"<{url}/u/{i}>, <mailto:no@example.com>",
                "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            }
            content = (
                EmailContent("Hi", "", slots, "Hi", headers)
                if channel is Channel.EMAIL
                else SmsContent(f"Look: {link} now")
            )
            whom = f"ada{i}@example.com" if channel is Channel.EMAIL else f"+4915100{i:06d}"
            known = uuid.uuid5(uuid.NAMESPACE_URL, f"{channel}{i}")  # and so its fate
            parcels.append(Parcel(known, whom, content))
        assert intake.registry is not None
        made = intake.registry.for_channel(channel).send(parcels)
        assert all(isinstance(o, Accepted) for o in made)
        sent += parcels
    return sent


def settle(emulator: InThread) -> dict[str, int]:
    for _ in range(200):
        figures: dict[str, int] = emulator.status()["reports"]
        if figures["waiting"] == 0:
            time.sleep(0.2)
            return dict(emulator.status()["reports"])
        time.sleep(0.1)
    raise AssertionError(f"Reports are still waiting: {figures}")


def words(deliveries: list[Delivery]) -> Counter[tuple[str, Word]]:
    unique = {(d.provider, d.dedupe_key): d for d in deliveries}
    return Counter((d.provider, d.word) for d in unique.values())


def test_reports_tell_of_every_message_and_people_use_our_own_links(tmp_path: Path) -> None:
    with rehearsal(tmp_path, EAGER, Noise()) as (intake, shop, emulator):
        sent = send(intake, shop.url, 8)
        figures = settle(emulator)
    told = words(intake.deliveries)
    assert told["twilio", Word.DELIVERED] == told["sendgrid", Word.DELIVERED] == 8
    assert told["twilio", Word.SENT] == told["sendgrid", Word.SENT] == 8
    assert told["sendgrid", Word.OPENED] == 16  # once by a person, once by a machine
    assert sum(d.machine for d in intake.deliveries) == 8
    assert {d.message_public_id for d in intake.deliveries if d.word is Word.DELIVERED} == {
        parcel.message_public_id for parcel in sent
    }
    followed = Counter((r.method, r.path) for r in intake.visits)
    assert followed == Counter(
        [("GET", f"/l/{c}{i}") for c in ("email", "sms") for i in range(8)]
        + [("POST", f"/u/{i}") for i in range(8)]
    )
    replies = [d for d in intake.deliveries if d.word.startswith("inbound")]
    assert len(replies) == 8
    assert all(d.address and d.address.startswith("+49") for d in replies)
    assert figures["report_taken"] > 0
    assert not intake.refused


def test_noise_is_seen_through(tmp_path: Path) -> None:
    noise = Noise(1.0, 0.3, 1.0, 1.0, late_seconds=0.5, shuffle_seconds=1.0)
    with rehearsal(tmp_path, EAGER, noise) as (intake, shop, emulator):
        send(intake, shop.url, 8)
        figures = settle(emulator)
    told = words(intake.deliveries)
    assert told["twilio", Word.DELIVERED] == told["sendgrid", Word.DELIVERED] == 8
    assert told["sendgrid", Word.OPENED] == 16
    assert (told["sendgrid", Word.COMPLAINED], told["twilio", Word.FAILED]) == (0, 0)
    assert len(intake.deliveries) > 1.8 * sum(told.values())
    assert figures["forged_refused"] == len(intake.refused) > 0
    assert "forged_taken" not in figures
    assert figures["replayed_taken"] > 0


def test_bounces_are_told_hard_and_soft_and_late_ones_by_their_smtp_id(tmp_path: Path) -> None:
    with rehearsal(tmp_path, UNLUCKY, Noise()) as (intake, shop, emulator):
        send(intake, shop.url, 16)
        settle(emulator)
    told = words(intake.deliveries)
    for provider in ("twilio", "sendgrid"):
        assert told[provider, Word.BOUNCED_HARD] + told[provider, Word.BOUNCED_SOFT] == 16
        assert told[provider, Word.BOUNCED_HARD]
        assert told[provider, Word.BOUNCED_SOFT]
    by_smtp_id = {d.smtp_id: d.message_public_id for d in intake.deliveries if d.word is Word.SENT}
    late = [
        d
        for d in intake.deliveries
        if d.word is Word.BOUNCED_HARD and d.provider == "sendgrid" and not d.message_public_id
    ]
    assert late
    assert all(by_smtp_id[d.smtp_id] for d in late)
    soft = [d for d in intake.deliveries if d.code == "30003"]
    assert all(d.reason for d in soft)


def test_a_report_that_was_not_taken_comes_again(tmp_path: Path) -> None:
    with rehearsal(tmp_path, UNLUCKY, Noise()) as (intake, shop, emulator):
        intake.failing = 5
        send(intake, shop.url, 4)
        figures = settle(emulator)
    assert figures["report_refused"] == 5
    told = words(intake.deliveries)
    for provider in ("twilio", "sendgrid"):
        assert told[provider, Word.BOUNCED_HARD] + told[provider, Word.BOUNCED_SOFT] == 4


def test_nobody_but_the_product_is_ever_called(tmp_path: Path) -> None:
    with rehearsal(tmp_path, EAGER, Noise()) as (intake, _shop, emulator):
        send(intake, "https://elsewhere.example", 2)
        figures = settle(emulator)
    assert not intake.visits
    assert figures["left_alone"] == 6  # 4 clicks and 2 one-click unsubscriptions


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reporting, "_AGAIN_AFTER", (0.1, 0.1, 0.1, 0.1, 0.1))
