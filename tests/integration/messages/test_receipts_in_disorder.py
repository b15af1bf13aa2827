"""G7: receipts in any order, many times, some forged: the state is the sequential oracle's."""

from __future__ import annotations

import base64
import json
import os
import random
import sys
import time
from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sending_bench import Bench

from segmind.channels.channel import Channel
from segmind.channels.providers.sendgrid import SendGrid, SendGridSettings
from segmind.channels.registry import Registry
from segmind.channels.webhook import Refused, WebhookRequest
from segmind.messages import receipts
from segmind.messages.engagement import Engagement

SEED = int(os.environ.get("CHAOS_SEED", "20260302"))
BUNDLE = 500
KINDS = ("processed", "delivered", "open", "open", "click", "deferred", "bounce")


def key_text(key: ec.EllipticCurvePrivateKey) -> str:
    raw = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return base64.b64encode(raw).decode()


def signed(key: ec.EllipticCurvePrivateKey, events: list[dict[str, Any]]) -> WebhookRequest:
    body = json.dumps(events).encode()
    stamp = str(int(time.time()))
    signature = key.sign(stamp.encode() + body, ec.ECDSA(hashes.SHA256()))
    headers = {
        "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
        "X-Twilio-Email-Event-Webhook-Timestamp": stamp,
    }
    return WebhookRequest.of(body, headers, received_at=datetime.now(UTC))


def events_of(bench: Bench, count: int, draw: random.Random) -> list[dict[str, Any]]:
    """``count`` different events about sent messages, their times shuffled among them."""
    bench.customers(max(50, count // 5))
    bench.broadcast(
        [row[0] for row in bench.rows("SELECT id FROM customer")],  # type: ignore[misc]
        bench.version(),
        as_messages=True,
    )
    bench.run(
        "UPDATE message SET state = 3, provider = 'sendgrid', sent_at = now() - interval '1 hour'"
    )
    ids = [str(row[0]) for row in bench.rows("SELECT public_id FROM message ORDER BY id")]
    start = int(time.time()) - 3_000
    made = []
    for n in range(count):
        kind = KINDS[n % len(KINDS)]
        event = {
            "event": kind,
            "m": draw.choice(ids),
            "sg_event_id": f"e{n}",
            "timestamp": start + draw.randrange(2_900),
            "email": "ada@example.com",
        }
        if kind == "open":
            event["sg_machine_open"] = draw.random() < 0.3
        if kind == "bounce":
            event |= {"type": "blocked", "status": draw.choice(["4.2.2", "5.7.1"])}
        made.append(event)
    return made


@pytest.mark.parametrize(
    "count",
    [
        2_000,
        pytest.param(
            int(os.environ.get("CHAOS_RECEIPTS", "1000000")),
            marks=[pytest.mark.slow, pytest.mark.timeout(3600)],
        ),
    ],
)
def test_a_shuffled_flood_gives_the_sequential_state(bench: Bench, count: int) -> None:
    draw = random.Random(SEED)
    key, wrong = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    provider = SendGrid(SendGridSettings("SG.x", "shop@example.com", (key_text(key),)))
    registry = Registry({Channel.EMAIL: provider})
    events = events_of(bench, count, draw)
    flood = events + draw.sample(events, count // 5)
    draw.shuffle(flood)
    began, slowest, forged = time.monotonic(), [], 0
    for start in range(0, len(flood), BUNDLE):
        bundle = flood[start : start + BUNDLE]
        if start // BUNDLE % 20 == 0:
            fake = [{**e, "event": "spamreport", "sg_event_id": f"f{e['m']}"} for e in bundle]
            refused = receipts.accept(
                bench.store, registry, "sendgrid", signed(wrong, fake), datetime.now(UTC)
            )
            assert isinstance(refused, Refused)
            forged += len(fake)
        call = signed(key, bundle)
        asked = time.monotonic()
        answer = receipts.accept(bench.store, registry, "sendgrid", call, datetime.now(UTC))
        slowest.append(time.monotonic() - asked)
        assert not isinstance(answer, Refused)
        receipts.reduce_inbox(bench.store, datetime.now(UTC), 2_000)
    while receipts.reduce_inbox(bench.store, datetime.now(UTC), 2_000):
        pass
    seconds = time.monotonic() - began
    slowest.sort()
    sys.stdout.write(
        f"\n{len(flood):,} receipts and {forged:,} forged (seed {SEED}):"
        f" {len(flood) / seconds:,.0f} a second; taken within"
        f" {slowest[int(0.99 * len(slowest))] * 1e3:.0f} ms (99 %)\n"
    )
    expected: defaultdict[str, Engagement] = defaultdict(Engagement)
    read = provider.read_webhook(signed(key, []))
    assert not isinstance(read, Refused)
    for start in range(0, len(events), BUNDLE):
        read = provider.read_webhook(signed(key, events[start : start + BUNDLE]))
        assert not isinstance(read, Refused)
        for report in read.items:
            expected[str(report.message_public_id)].add(report, report.at)
    columns = (
        "delivery, delivered_at, opened_at, clicked_at, opens, clicks, machine_opens,"
        " delivery_code, complained_at"
    )
    rows = bench.rows(f"SELECT public_id, {columns} FROM message")
    for public_id, *found in rows:
        e = expected[str(public_id)]
        assert found == [
            int(e.reached), e.delivered_at, e.opened_at, e.clicked_at, e.opens, e.clicks,
            e.machine_opens, e.delivery_code, None,
        ], public_id  # fmt: skip


def test_a_bounce_that_names_only_the_mail_servers_id_finds_its_message_in_any_order(
    bench: Bench,
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    provider = SendGrid(SendGridSettings("SG.x", "shop@example.com", (key_text(key),)))
    registry = Registry({Channel.EMAIL: provider})
    bench.broadcast(bench.customers(2), bench.version(), as_messages=True)
    bench.run("UPDATE message SET state = 3, provider = 'sendgrid', sent_at = now()")
    ids = [str(row[0]) for row in bench.rows("SELECT public_id FROM message ORDER BY id")]
    now = int(time.time())
    for n, public_id in enumerate(ids):
        known = {"event": "processed", "m": public_id, "sg_event_id": f"p{n}"}
        bounce = {"event": "bounce", "sg_event_id": f"b{n}", "status": "5.1.1"}
        both = [known, bounce] if n else [bounce, known]
        for event in both:
            call = signed(key, [{**event, "smtp-id": f"<{n}@x>", "timestamp": now}])
            receipts.accept(bench.store, registry, "sendgrid", call, datetime.now(UTC))
            while receipts.reduce_inbox(bench.store, datetime.now(UTC)):
                pass
    assert bench.rows("SELECT delivery, delivery_code FROM message") == [(5, "5.1.1")] * 2
