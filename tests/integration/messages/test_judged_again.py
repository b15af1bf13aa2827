"""Opens and clicks judged again: message, receipts and log agree; and what retention forgets."""

from __future__ import annotations

import re
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from sending_bench import NOON, Bench, Scripted, registry_of

from segmind.channels.delivery import Delivery, Word
from segmind.customers.facts import read_facts
from segmind.events import maintenance
from segmind.events.schema import Kind
from segmind.messages import inbox, links, queries, receipts, rescore, retention
from segmind.messages.dispatch import Dispatcher
from segmind.messages.links import Visit
from segmind.workspace import product_settings
from segmind.workspace.product_settings import ProductSettings

OPEN = ProductSettings(quiet_hours={}, caps={}, public_url="https://mail.example.com")
HUMAN = Visit("Mozilla/5.0 (Macintosh) Safari/605.1", "192.0.2.7")
LATER = NOON + timedelta(minutes=10)
BODY = "".join(f'<a href="https://shop.example.com/{n}">look</a>' for n in range(4))


@pytest.fixture
def clicked(bench: Bench) -> Scripted:
    """Three links of one message clicked within two seconds, one of them once more much later."""
    bench.broadcast(bench.customers(1), bench.version(body=f"<p>{BODY}</p>"))
    provider = Scripted()
    Dispatcher(bench.store, registry_of(provider), OPEN, now=lambda: NOON).run_until_idle()
    html = provider.sent[0].content.html  # type: ignore[union-attr]
    tokens = re.findall(r'href="https://mail\.example\.com/l/([\w.\-]+)"', html)
    with bench.store.engine.begin() as conn:
        for n, token in enumerate([*tokens[:3], tokens[0]]):
            at = LATER + timedelta(seconds=n if n < 3 else 600)
            secret = bench.store.settings.secret_key
            assert links.follow_click(conn, secret, token, at, HUMAN)
    while receipts.reduce_inbox(bench.store, LATER + timedelta(hours=1)):
        pass
    return provider


def counts(bench: Bench, provider: Scripted) -> tuple[int, int]:
    with bench.store.engine.connect() as conn:
        found = queries.status(conn, provider.ids[0])
    return found.clicks, found.machine_clicks


def in_the_log(bench: Bench) -> list[bool]:
    rows = read_facts(bench.store).log.events(kinds=[Kind.MESSAGE_CLICKED], columns=["machine"])
    return sorted(bool(machine) for machine in rows.collect()["machine"])


@pytest.mark.parametrize("sealed", [False, True])
def test_a_burst_is_seen_afterwards_in_all_three_places(
    bench: Bench, clicked: Scripted, sealed: bool
) -> None:
    if sealed:
        maintenance.catch_up(bench.store, NOON + timedelta(days=3), ZoneInfo("UTC"))
    assert counts(bench, clicked) == (4, 0)
    assert rescore.rescore(bench.store, NOON) == rescore.Rescored(1, 3)
    assert counts(bench, clicked) == (1, 3)
    assert in_the_log(bench) == [False, True, True, True]
    first = bench.value("SELECT clicked_at FROM message")
    assert first == LATER + timedelta(seconds=600)
    assert rescore.rescore(bench.store, NOON) == rescore.Rescored(1, 0)
    with bench.store.engine.begin() as conn:
        changes = {"machine_rules": {"burst_links": 9}}
        product_settings.save(conn, changes, "test", NOON)
    assert rescore.rescore(bench.store, NOON, "Again").flipped == 3
    assert counts(bench, clicked) == (4, 0)
    assert in_the_log(bench) == [False] * 4
    assert bench.value("SELECT clicked_at FROM message") == LATER


def test_retention_takes_what_is_personal_and_leaves_what_happened(
    bench: Bench, clicked: Scripted
) -> None:
    bounce = Delivery(
        Word.BOUNCED_SOFT, "scripted", NOON, "k", clicked.ids[0],
        address="ada1@example.com", reason="<ada1@example.com> full",
    )  # fmt: skip
    with bench.store.engine.begin() as conn:
        inbox.store(conn, [bounce], NOON)
    receipts.reduce_inbox(bench.store, LATER)
    bench.run("""UPDATE message SET vars = '{"name": "Ada"}'""")
    assert retention.run(bench.store, NOON + timedelta(days=29)).receipts == 0
    done = retention.run(bench.store, NOON + timedelta(days=91))
    assert (done.receipts, done.messages) == (5, 1)
    assert retention.run(bench.store, NOON + timedelta(days=91)).receipts == 0
    kept = bench.value("SELECT string_agg(delivery::text, '') FROM webhook_inbox")
    assert "Safari" not in str(kept)
    assert "ada1@" not in str(kept)
    assert bench.value("SELECT vars FROM message") is None
    assert counts(bench, clicked) == (4, 0)
    with bench.store.engine.begin() as conn:
        assert inbox.store(conn, [bounce], NOON) == 0  # a replay is still known
