"""The ledger and its mirror, suppressions by hash, saying no and yes again."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from sqlalchemy import Connection, text

from segmind.consent import ledger, suppressions, unsubscribe
from segmind.consent.addresses import address_hash, address_key
from segmind.consent.reasons import SuppressionReason
from segmind.db.engine import Store
from segmind.errors import InvalidInput
from segmind.events.schema import Channel

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
KEY = address_key(b"k" * 32)


def person(conn: Connection, email: str = "Ada@Example.com", **columns: object) -> int:
    columns = {"email": email, "phone": "+14155550101", **columns}
    names = ", ".join(columns)
    marks = ", ".join(f":{name}" for name in columns)
    row = conn.execute(
        text(f"INSERT INTO customer ({names}) VALUES ({marks}) RETURNING id"), columns
    )
    return int(row.scalar_one())


def column(conn: Connection, customer_id: int, name: str) -> object:
    row = conn.execute(text(f"SELECT {name} FROM customer WHERE id = :id"), {"id": customer_id})
    return row.scalar_one()


def test_an_entry_is_mirrored_on_the_customer_at_once(store: Store) -> None:
    with store.engine.begin() as conn:
        who = person(conn)
        ledger.record(conn, who, "email", 1, "form", {"ip": "192.0.2.1"}, "ada", NOW)
        assert column(conn, who, "email_consent") == 1
        assert column(conn, who, "sms_consent") is None
        entry = ledger.history(conn, who)[0]
    assert (entry.channel, entry.status, entry.source) == (Channel.EMAIL, 1, "form")
    assert entry.evidence == {"ip": "192.0.2.1"}


def test_the_latest_instant_decides_in_whatever_order_entries_come(store: Store) -> None:
    said = [(1, NOW), (0, NOW + timedelta(days=1)), (1, NOW + timedelta(days=2)),
            (0, NOW + timedelta(days=2))]  # fmt: skip
    for order in itertools.permutations(said):
        with store.engine.begin() as conn:
            who = person(conn)
            for status, at in order:
                ledger.record(conn, who, "sms", status, "api", None, "key", at)
            assert column(conn, who, "sms_consent") == 0
            assert ledger.current(conn, who) == {Channel.SMS: 0}


def test_many_choices_are_recorded_in_one_go(store: Store) -> None:
    with store.engine.begin() as conn:
        people = [person(conn, f"p{n}@example.com") for n in range(50)]
        choices = pl.DataFrame(
            {
                "customer_id": people * 2,
                "channel": [1] * 50 + [2] * 50,
                "status": [1] * 50 + [0] * 50,
            }
        )
        proof = {"file": "x.csv"}
        with pytest.raises(InvalidInput, match="where they come from"):
            ledger.record_many(conn, choices, "import", proof, "ada", NOW)
        proof["attestation"] = "Sign-up form of the old shop, ticked by the customer"
        assert ledger.record_many(conn, choices, "import", proof, "ada", NOW) == 100
        rows = conn.execute(text("SELECT DISTINCT email_consent, sms_consent FROM customer")).all()
        assert [tuple(row) for row in rows] == [(1, 0)]


def test_an_unknown_source_is_refused(store: Store) -> None:
    with store.engine.begin() as conn, pytest.raises(ValueError, match="rumour"):
        ledger.record(conn, person(conn), "email", 1, "rumour", None, "", NOW)


def test_a_suppression_marks_everybody_with_the_address_and_survives_erasure(store: Store) -> None:
    with store.engine.begin() as conn:
        first, second = person(conn), person(conn, "ada@example.com")
        other = person(conn, "bob@example.com")
        suppressions.add(conn, KEY, "email", "ADA@example.com ", "hard_bounce", "test", NOW)
        assert column(conn, first, "email_suppressed")
        assert column(conn, second, "email_suppressed")
        assert not column(conn, other, "email_suppressed")
        conn.execute(text("UPDATE customer SET email = NULL"))
        hashed = address_hash(KEY, "email", "ada@example.com")
        found = suppressions.among(conn, "email", [hashed])
        assert found[hashed].reason is SuppressionReason.HARD_BOUNCE
        stored = conn.execute(text("SELECT address_hash FROM suppression")).scalar_one()
        assert b"ada" not in bytes(stored)


def test_the_stronger_reason_stays_whatever_comes_first(store: Store) -> None:
    for order in itertools.permutations(["unsubscribed", "complaint", "hard_bounce"]):
        with store.engine.begin() as conn:
            address = f"{'-'.join(order)}@example.com"
            for n, reason in enumerate(order):
                at = NOW + timedelta(hours=n)
                suppressions.add(conn, KEY, "email", address, reason, "test", at)
            hashed = address_hash(KEY, "email", address)
            assert suppressions.among(conn, "email", [hashed])[hashed].reason == "complaint"


def test_a_new_customer_with_a_suppressed_address_is_found(store: Store) -> None:
    with store.engine.begin() as conn:
        suppressions.add(conn, KEY, "sms", "+1 415 555 0101", "unsubscribed", "test", NOW)
        who = person(conn)
        assert not column(conn, who, "sms_suppressed")
        assert suppressions.remirror(conn, KEY, [who]) == 1
        assert column(conn, who, "sms_suppressed")


def opt_out(conn: Connection, who: int, at: datetime) -> None:
    unsubscribe.opt_out(
        conn, "sms", customer_id=who, hashed=address_hash(KEY, "sms", "+14155550101"),
        address="+14155550101", source="sms_keyword", evidence=None, actor="twilio", now=at,
    )  # fmt: skip


def opt_in(conn: Connection, who: int, at: datetime) -> None:
    unsubscribe.opt_in(
        conn, KEY, "sms", customer_id=who, source="sms_keyword", evidence=None, actor="twilio",
        now=at,
    )  # fmt: skip


def test_stop_and_start_end_the_same_in_either_order(store: Store) -> None:
    early, late = NOW, NOW + timedelta(minutes=5)
    for stop_at, start_at in ((early, late), (late, early)):
        ends = []
        for stop_first in (True, False):
            with store.engine.begin() as conn:
                conn.execute(text("DELETE FROM suppression"))
                who = person(conn)
                if stop_first:
                    opt_out(conn, who, stop_at)
                    opt_in(conn, who, start_at)
                else:
                    opt_in(conn, who, start_at)
                    opt_out(conn, who, stop_at)
                blocked = conn.execute(text("SELECT count(*) FROM suppression")).scalar_one()
                flags = column(conn, who, "sms_consent"), column(conn, who, "sms_suppressed")
                ends.append((blocked, *flags))
                conn.execute(text("UPDATE customer SET phone = NULL"))
        assert ends[0] == ends[1] == ((1, 0, True) if stop_at is late else (0, 1, False))


def test_a_yes_does_not_lift_a_complaint(store: Store) -> None:
    with store.engine.begin() as conn:
        who = person(conn)
        suppressions.add(conn, KEY, "sms", "+14155550101", "complaint", "test", NOW)
        opt_in(conn, who, NOW + timedelta(days=1))
        assert column(conn, who, "sms_suppressed")
        assert suppressions.remove(conn, KEY, "sms", "+14155550101")
        assert not column(conn, who, "sms_suppressed")
