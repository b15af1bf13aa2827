"""Replies in free words, failures that add up, double opt-in, and lists of suppressions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from segmind.consent import (
    double_opt_in,
    ledger,
    replies,
    suppression_lists,
    suppressions,
    weak_bounces,
)
from segmind.consent.addresses import address_hash, address_key
from segmind.consent.weak_bounces import WeakBounce
from segmind.db.engine import Store
from segmind.errors import InvalidInput
from segmind.events.schema import Channel

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
SECRET = b"k" * 32
KEY = address_key(SECRET)
PHONE = "+14155550100"


@pytest.fixture
def ada(store: Store) -> int:
    with store.engine.begin() as conn:
        row = conn.execute(
            text("""
                INSERT INTO customer (email, phone, sms_consent)
                VALUES ('Ada@example.com', :phone, 1) RETURNING id
            """),
            {"phone": PHONE},
        )
        return int(row.scalar_one())


def keep(store: Store, ada: int, key: str, words: str) -> None:
    hashed = address_hash(KEY, Channel.SMS, PHONE)
    with store.engine.begin() as conn:
        replies.keep(
            conn, Channel.SMS, dedupe_key=key, customer_id=ada, address=PHONE, hashed=hashed,
            words=words, at=NOW,
        )  # fmt: skip


def test_a_reply_waits_once_and_one_click_makes_it_a_no(store: Store, ada: int) -> None:
    keep(store, ada, "a", "Do you have it in blue?")
    keep(store, ada, "b", "please dont text me again")
    keep(store, ada, "b", "please dont text me again")
    with store.engine.connect() as conn:
        waiting = replies.waiting(conn)
    assert [(r.words, r.likely_opt_out) for r in waiting] == [
        ("please dont text me again", True),
        ("Do you have it in blue?", False),
    ]
    with store.engine.begin() as conn:
        replies.treat_as_opt_out(conn, waiting[0].id, "mia@shop", NOW + timedelta(hours=1))
        replies.dismiss(conn, waiting[1].id, "mia@shop", NOW)
    with store.engine.begin() as conn:
        assert replies.count_waiting(conn) == 0
        assert ledger.current(conn, ada) == {Channel.SMS: 0}
        entry = ledger.history(conn, ada)[0]
        hashed = address_hash(KEY, Channel.SMS, PHONE)
        assert hashed in suppressions.among(conn, Channel.SMS, [hashed])
        with pytest.raises(replies.Decided):
            replies.dismiss(conn, waiting[0].id, "x", NOW)
        with pytest.raises(replies.NoReply):
            replies.dismiss(conn, 999, "x", NOW)
    assert (entry.source, entry.actor) == ("reply", "mia@shop")
    assert entry.evidence is not None
    assert entry.evidence["text"] == "please dont text me again"


@given(st.text(max_size=200))
def test_no_reply_breaks_the_guess(words: str) -> None:
    assert replies.looks_like_a_no(words) in (True, False)


def weak(store: Store, code: str, source: str, day: int, report: str) -> bool:
    hashed = address_hash(KEY, Channel.SMS, PHONE)
    at = NOW + timedelta(days=day)
    with store.engine.begin() as conn:
        bounce = WeakBounce(Channel.SMS, hashed, "twilio", code, source, report, at)
        return bool(weak_bounces.record(conn, [bounce]))


def test_an_unknown_handset_counts_the_second_time(store: Store) -> None:
    assert not weak(store, "30005", "1:1", 0, "a")
    assert not weak(store, "30005", "1:1", 0, "a")  # a repeat of the report
    assert weak(store, "30005", "1:1", 5, "b")


def test_out_of_reach_counts_in_three_campaigns_within_a_month(store: Store) -> None:
    assert not weak(store, "30003", "1:1", 0, "a")
    assert not weak(store, "30003", "1:2", 40, "b")
    assert not weak(store, "30003", "1:3", 50, "c")
    assert not weak(store, "30003", "1:3", 51, "d")  # the same campaign
    assert weak(store, "30003", "1:4", 60, "e")


def test_three_reports_count_in_any_order(store: Store) -> None:
    assert not weak(store, "30003", "1:3", 20, "c")
    assert not weak(store, "30003", "1:1", 0, "a")
    assert weak(store, "30003", "1:2", 10, "b")


def test_a_double_opt_in_is_a_yes_only_after_the_button(store: Store, ada: int) -> None:
    with store.engine.begin() as conn:
        asked = double_opt_in.request(
            conn, KEY, SECRET, ada, "email", source="form", evidence={"form": "/news"},
            actor="api", now=NOW,
        )  # fmt: skip
        assert double_opt_in.look_at(conn, KEY, SECRET, "x", NOW) is None
        shown = double_opt_in.look_at(conn, KEY, SECRET, asked.token, NOW)
        assert shown is not None
        assert (shown.state, shown.address) == ("open", "a***@example.com")
        late = double_opt_in.look_at(conn, KEY, SECRET, asked.token, NOW + timedelta(days=8))
        assert late is not None
        assert late.state == "expired"
        assert ledger.current(conn, ada) == {}
    for _ in range(2):
        with store.engine.begin() as conn:
            seen = {"ip": "192.0.2.1"}
            done = double_opt_in.confirm(conn, KEY, SECRET, asked.token, seen, NOW)
            assert done is not None
            assert done.state == "confirmed"
    with store.engine.connect() as conn:
        (entry,) = ledger.history(conn, ada)
    assert entry.evidence is not None
    assert entry.evidence["form"] == "/news"
    assert entry.evidence["double_opt_in"]["ip"] == "192.0.2.1"


def test_a_changed_address_needs_a_new_request(store: Store, ada: int) -> None:
    with store.engine.begin() as conn:
        asked = double_opt_in.request(
            conn, KEY, SECRET, ada, "email", source="form", evidence=None, actor="", now=NOW
        )
        conn.execute(text("UPDATE customer SET email = 'new@example.com'"))
        done = double_opt_in.confirm(conn, KEY, SECRET, asked.token, {}, NOW)
        assert done is not None
        assert done.state == "changed"
        assert ledger.current(conn, ada) == {}


def test_a_purpose_of_the_shops_own_does_not_open_the_gate(store: Store, ada: int) -> None:
    with store.engine.begin() as conn:
        ledger.record(conn, ada, "email", 1, "form", None, "", NOW, purpose="newsletter")
        assert ledger.current(conn, ada) == {}
        assert ledger.current(conn, ada, "newsletter") == {Channel.EMAIL: 1}
        consent = conn.execute(text("SELECT email_consent FROM customer")).scalar()
        with pytest.raises(InvalidInput):
            ledger.record(conn, ada, "email", 1, "form", None, "", NOW, purpose="No way")
    assert consent is None


def test_a_list_is_taken_row_by_row_and_survives_the_round_trip(store: Store, ada: int) -> None:
    content = (
        "\ufeffchannel,address,reason\r\nemail,ADA@example.com,\r\n"
        "sms,+1 415 555 0199,complaint\r\nfax,1,\r\nemail,nobody,\r\n"
        "sms,+14155550101,because\r\nemail,,\r\n"
    ).encode()
    rows = suppression_lists.read_csv(content)
    for _ in range(2):
        with store.engine.begin() as conn:
            done = suppression_lists.take(conn, KEY, rows, "list", NOW)
    assert done.taken == 2
    assert [each.row for each in done.rejected] == [3, 4, 5, 6]
    with store.engine.begin() as conn:
        marked = conn.execute(text("SELECT email_suppressed FROM customer")).scalar()
        exported = "".join(suppression_lists.as_csv(conn)).encode()
        conn.execute(text("DELETE FROM suppression"))
        conn.execute(text("UPDATE customer SET email_suppressed = false"))
        again = suppression_lists.take(conn, KEY, suppression_lists.read_csv(exported), "back", NOW)
        remarked = conn.execute(text("SELECT email_suppressed FROM customer")).scalar()
    assert marked is remarked is True
    assert (again.taken, again.rejected) == (2, ())
    assert b"ada@example.com" not in exported.lower()


@pytest.mark.parametrize("content", [b"\xff\xfe", b"", b"a,b\n1,2\n", b"channel\nemail\n"])
def test_what_is_no_list_is_refused_in_words(content: bytes) -> None:
    with pytest.raises(InvalidInput):
        suppression_lists.read_csv(content)
