"""Our own links, and reading messages back in words."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sending_bench import NOON, Bench, Scripted, registry_of

from segmind.channels.delivery import Word
from segmind.channels.outcome import Rejected, Retry
from segmind.errors import InvalidInput
from segmind.events.schema import Channel
from segmind.messages import links, queries, receipts
from segmind.messages.dispatch import Dispatcher
from segmind.messages.lifecycle import State
from segmind.messages.links import Visit
from segmind.messages.queries import MessageFilter
from segmind.workspace.product_settings import ProductSettings

OPEN = ProductSettings(quiet_hours={}, caps={}, public_url="https://mail.example.com")
HUMAN = Visit("Mozilla/5.0 (Macintosh) Safari/605.1", "192.0.2.7")
LATER = NOON + timedelta(minutes=10)


@pytest.fixture
def mailed(bench: Bench) -> Scripted:
    bench.broadcast(bench.customers(2), bench.version())
    provider = Scripted()
    Dispatcher(bench.store, registry_of(provider), OPEN, now=lambda: NOON).run_until_idle()
    provider.sent.sort(key=lambda parcel: parcel.address)
    return provider


def tokens(provider: Scripted, kind: str) -> list[str]:
    html = provider.sent[0].content.html  # type: ignore[union-attr]
    return re.findall(rf"https://mail\.example\.com/{kind}/([\w.\-]+)", html)


def reduce(bench: Bench) -> None:
    while receipts.reduce_inbox(bench.store, LATER):
        pass


def test_a_click_leads_to_the_stored_address_and_counts_once(
    bench: Bench, mailed: Scripted
) -> None:
    secret = bench.store.settings.secret_key
    click, pixel = tokens(mailed, "l")
    with bench.store.engine.begin() as conn:
        for _ in range(2):  # a double click
            url = links.follow_click(conn, secret, click, LATER, HUMAN)
            assert url == "https://shop.example.com/x"
        assert links.open_link(conn, secret, pixel, LATER, HUMAN)
    reduce(bench)
    with bench.store.engine.connect() as conn:
        found = queries.status(conn, mailed.ids[0])
    assert (found.clicks, found.opens, found.machine_clicks) == (1, 1, 0)
    said = bench.value("SELECT properties FROM event_recent WHERE kind = 14")
    assert "https://shop.example.com/x" in str(said)


def test_the_hidden_link_is_a_machines_click_and_leads_nowhere(
    bench: Bench, mailed: Scripted
) -> None:
    secret = bench.store.settings.secret_key
    (hidden,) = tokens(mailed, "h")
    with bench.store.engine.begin() as conn:
        assert links.follow_click(conn, secret, hidden, LATER, HUMAN) is None
        assert links.hidden_link(conn, secret, hidden, LATER, HUMAN)
        assert not links.hidden_link(conn, secret, tokens(mailed, "u")[0], LATER, HUMAN)
    reduce(bench)
    with bench.store.engine.connect() as conn:
        found = queries.status(conn, mailed.ids[0])
    assert (found.clicks, found.machine_clicks) == (0, 1)


@pytest.mark.parametrize(
    ("at", "visit"),
    [
        (NOON + timedelta(seconds=1), HUMAN),  # sooner than anybody reads
        (LATER, Visit("Barracuda Sentinel (EE)")),
        (LATER, Visit("")),
        (LATER, Visit(HUMAN.user_agent, method="HEAD")),
    ],
)
def test_a_scanners_click_is_only_flagged(
    bench: Bench, mailed: Scripted, at: object, visit: Visit
) -> None:
    click, _ = tokens(mailed, "l")
    with bench.store.engine.begin() as conn:
        assert links.follow_click(conn, bench.store.settings.secret_key, click, at, visit)  # type: ignore[arg-type]
    reduce(bench)
    assert bench.rows("SELECT sum(clicks), sum(machine_clicks) FROM message") == [(0, 1)]


def test_a_click_while_the_clock_stands_still_is_not_taken_for_a_scanners(
    bench: Bench, mailed: Scripted
) -> None:
    click, _ = tokens(mailed, "l")
    with bench.store.engine.begin() as conn:
        assert links.follow_click(conn, bench.store.settings.secret_key, click, NOON, HUMAN)
    reduce(bench)
    assert bench.rows("SELECT sum(clicks), sum(machine_clicks) FROM message") == [(1, 0)]


def test_a_link_that_is_not_ours_leads_nowhere(bench: Bench, mailed: Scripted) -> None:
    secret = bench.store.settings.secret_key
    click, pixel = tokens(mailed, "l")
    with bench.store.engine.begin() as conn:
        for token in ("", "1.x.y", click[:-3] + "AAA", pixel):
            assert links.follow_click(conn, secret, token, LATER, HUMAN) is None
        assert not links.open_link(conn, secret, click, LATER, HUMAN)
        assert links.follow_click(conn, b"another key" * 4, click, LATER, HUMAN) is None
        assert links.preferences(conn, secret, click) is None
        assert not links.unsubscribe_post(conn, secret, click, LATER, HUMAN, one_click=True)
    assert bench.value("SELECT count(*) FROM webhook_inbox") == 0


def test_looking_at_the_unsubscribe_page_changes_nothing(bench: Bench, mailed: Scripted) -> None:
    token = tokens(mailed, "u")[0]
    with bench.store.engine.begin() as conn:
        page = links.preferences(conn, bench.store.settings.secret_key, token)
    assert page is not None
    assert (page.address, page.channel, page.is_subscribed) == (
        "a***@example.com",
        Channel.EMAIL,
        True,
    )
    assert bench.value("SELECT count(*) FROM suppression") == 0


def test_one_click_unsubscribes_at_once_and_again_is_fine(bench: Bench, mailed: Scripted) -> None:
    secret, token = bench.store.settings.secret_key, tokens(mailed, "u")[0]
    for _ in range(2):
        with bench.store.engine.begin() as conn:
            assert links.unsubscribe_post(conn, secret, token, LATER, HUMAN, one_click=True)
    # Before any reduction: the next claim already sees it.
    assert bench.rows("SELECT email_consent, email_suppressed FROM customer ORDER BY id")[0] == (
        0,
        True,
    )
    reduce(bench)
    assert bench.value("SELECT count(*) FROM event_recent WHERE kind = 15") == 1
    entry = bench.rows("SELECT source, evidence->>'ip' FROM consent_entry ORDER BY id LIMIT 1")
    assert entry == [("one_click", "192.0.2.7")]
    with bench.store.engine.begin() as conn:
        page = links.preferences(conn, secret, token)
    assert page is not None
    assert not page.is_subscribed


def test_a_customer_chooses_by_channel_and_may_come_back(bench: Bench, mailed: Scripted) -> None:
    secret, token = bench.store.settings.secret_key, tokens(mailed, "u")[0]
    choices = [
        ({Channel.EMAIL: False, Channel.SMS: False}, (0, 0, True)),
        ({Channel.EMAIL: True}, (1, 0, False)),
    ]
    for n, (choice, expected) in enumerate(choices):
        at = LATER + timedelta(minutes=n)
        with bench.store.engine.begin() as conn:
            assert links.set_preferences(conn, bench.key, secret, token, choice, at, HUMAN)
        row = bench.rows(
            "SELECT email_consent, sms_consent, email_suppressed FROM customer ORDER BY id"
        )[0]
        assert row == expected


def test_a_message_tells_its_history_in_words(bench: Bench, mailed: Scripted) -> None:
    with bench.store.engine.begin() as conn:
        links.follow_click(
            conn, bench.store.settings.secret_key, tokens(mailed, "l")[0], LATER, HUMAN
        )
    reduce(bench)
    with bench.store.engine.connect() as conn:
        history = queries.one(conn, str(mailed.ids[0]))
    said = [entry.said for entry in history.entries]
    assert said == ["Put into the outbox", "Try 1: scripted accepted it", "Clicked"]
    assert history.message.status == "delivered"


def failing(bench: Bench, provider: Scripted, now: object = NOON) -> queries.MessageHistory:
    bench.broadcast(bench.customers(1), bench.version())
    Dispatcher(bench.store, registry_of(provider), OPEN, now=lambda: now).run_until_idle()  # type: ignore[arg-type, return-value]
    public_id = bench.value("SELECT public_id FROM message")
    with bench.store.engine.connect() as conn:
        return queries.one(conn, public_id)  # type: ignore[arg-type]


def test_every_skip_retry_and_failure_is_explained(bench: Bench) -> None:
    busy = Scripted(answer=lambda p: Retry("20429", "Too many requests.", 60.0, 429))
    history = failing(bench, busy)
    assert history.message.status == "waiting"
    assert history.message.because.startswith("Too many requests. it is tried again at 2026-03-02")
    bench.run("DELETE FROM message")
    history = failing(bench, Scripted(answer=lambda p: Rejected("30004", "Blocked.")))
    assert (history.message.status, history.message.because) == ("failed", "Blocked.")
    bench.run("DELETE FROM message")
    bench.run("UPDATE customer SET email_consent = 0")
    bench.broadcast(bench.customers(1, consent=0), bench.version())
    Dispatcher(bench.store, registry_of(busy), OPEN, now=lambda: NOON).run_until_idle()
    with bench.store.engine.connect() as conn:
        page = queries.search(conn, MessageFilter(states=[State.SKIPPED]))
    assert page.messages[0].because == "No consent for this channel (refused)."
    assert len(page.messages) == 1


def test_searching_pages_and_filters(bench: Bench, mailed: Scripted) -> None:
    with bench.store.engine.connect() as conn:
        first = queries.search(conn, MessageFilter(source_kind=1, source_id=1), limit=1)
        assert first.next_before is not None
        second = queries.search(
            conn, MessageFilter(source_kind=1, source_id=1), before=first.next_before, limit=1
        )
        assert second.next_before is None
        assert {first.messages[0].id, second.messages[0].id} == {
            m.id for m in queries.search(conn, MessageFilter(channel=Channel.EMAIL)).messages
        }
        found = queries.search(conn, MessageFilter(text="ada2@")).messages
        assert [m.address for m in found] == ["ada2@example.com"]
        assert not queries.search(conn, MessageFilter(text="%")).messages
        by_id = queries.search(conn, MessageFilter(text=str(mailed.ids[0]))).messages
        assert [m.public_id for m in by_id] == [mailed.ids[0]]
        with pytest.raises(InvalidInput):
            queries.search(conn, MessageFilter(), limit=0)
        with pytest.raises(queries.NoMessage):
            queries.one(conn, "not an id")


def test_every_word_of_a_receipt_has_a_sentence() -> None:
    from segmind.messages.story import _RECEIPT

    assert set(_RECEIPT) == set(Word)
