"""The gate: every no with its one reason, the same on columns and afresh; caps that hold."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from sqlalchemy import text

from segmind.consent import caps, gate, suppressions
from segmind.consent.addresses import address_key
from segmind.consent.gate import Allowed, Blocked, ContactRequest, Deferred
from segmind.consent.purpose import Purpose
from segmind.consent.reasons import Reason
from segmind.db.engine import Store
from segmind.events.schema import Channel
from segmind.workspace.product_settings import Cap, ProductSettings

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
KEY = address_key(b"k" * 32)
OPEN = ProductSettings(quiet_hours={}, caps={})
PEOPLE = {
    "fine": ("ada@example.com", 1, False),
    "none": (None, 1, False),
    "blank": ("  ", 1, False),
    "bad": ("ada at example", 1, False),
    "unasked": ("u@example.com", None, False),
    "refused": ("r@example.com", 0, False),
    "suppressed": ("s@example.com", 1, True),
    "bad and refused": ("nope", 0, True),
}


def frame() -> pl.LazyFrame:
    return pl.LazyFrame(
        {
            "name": list(PEOPLE),
            "email": [p[0] for p in PEOPLE.values()],
            "email_consent": [p[1] for p in PEOPLE.values()],
            "email_suppressed": [p[2] for p in PEOPLE.values()],
        },
        schema_overrides={"email_consent": pl.Int8()},
    )


def test_the_screen_names_the_first_reason() -> None:
    out = gate.screen(frame(), "email", Purpose.MARKETING).collect()
    assert dict(zip(out["name"], out["reason"], strict=True)) == {
        "fine": None,
        "none": "no_address",
        "blank": "no_address",
        "bad": "invalid_address",
        "unasked": "no_consent",
        "refused": "no_consent",
        "suppressed": "suppressed",
        "bad and refused": "invalid_address",
    }
    assert out["address"][0] == "ada@example.com"


def test_a_transactional_screen_asks_no_consent() -> None:
    out = gate.screen(frame(), Channel.EMAIL, "transactional").collect()
    assert out["reason"].to_list()[4:7] == [None, None, "suppressed"]


def test_every_reason_has_words() -> None:
    assert all(reason.label for reason in Reason)
    assert list(gate.SCREEN_ORDER) == [r for r in Reason if r in gate.SCREEN_ORDER]


@pytest.fixture
def people(store: Store) -> dict[str, int]:
    ids = {}
    with store.engine.begin() as conn:
        for name, (email, consent, suppressed) in PEOPLE.items():
            row = conn.execute(
                text("""
                    INSERT INTO customer (email, phone, email_consent, sms_consent, timezone)
                    VALUES (:email, '+14155550100', :consent, :consent, 'UTC') RETURNING id
                """),
                {"email": email, "consent": consent},
            )
            ids[name] = row.scalar_one()
            if suppressed and email:
                suppressions.add(conn, KEY, "email", email, "complaint", "test", NOW)
    return ids


def ask(
    store: Store,
    requests: list[ContactRequest],
    settings: ProductSettings = OPEN,
    now: datetime = NOW,
) -> list[gate.Verdict]:
    with store.engine.begin() as conn:
        return gate.may_contact(conn, KEY, settings, requests, now)


def test_the_gate_and_the_screen_say_the_same(store: Store, people: dict[str, int]) -> None:
    for purpose in (Purpose.MARKETING, Purpose.TRANSACTIONAL):
        requests = [
            ContactRequest(people[name], Channel.EMAIL, PEOPLE[name][0], purpose) for name in PEOPLE
        ]
        verdicts = ask(store, requests)
        fresh = [v.reason.value if isinstance(v, Blocked) else None for v in verdicts]
        screened = gate.screen(frame(), "email", purpose).collect()["reason"].to_list()
        assert fresh == screened


def test_erased_and_unknown_customers_are_not_written_to(
    store: Store, people: dict[str, int]
) -> None:
    with store.engine.begin() as conn:
        conn.execute(
            text("UPDATE customer SET erased_at = now() WHERE id = :i"), {"i": people["fine"]}
        )
    requests = [ContactRequest(i, Channel.EMAIL, "ada@example.com") for i in (people["fine"], 999)]
    assert ask(store, requests) == [Blocked(Reason.ERASED)] * 2


def test_a_merged_customer_is_asked_under_the_present_id(
    store: Store, people: dict[str, int]
) -> None:
    with store.engine.begin() as conn:
        conn.execute(
            text("INSERT INTO customer_merge (from_id, into_id) VALUES (:a, :b)"),
            {"a": people["refused"], "b": people["fine"]},
        )
    verdict = ask(store, [ContactRequest(people["refused"], Channel.EMAIL, "ada@example.com")])[0]
    assert isinstance(verdict, Allowed)
    assert verdict.place is not None
    assert verdict.place.customer_id == people["fine"]


def test_a_bare_address_gets_no_marketing_but_a_receipt(store: Store) -> None:
    bare = [
        ContactRequest(None, Channel.EMAIL, "x@example.com", purpose)
        for purpose in (Purpose.MARKETING, Purpose.TRANSACTIONAL, Purpose.TEST)
    ]
    first, second, third = ask(store, bare)
    assert first == Blocked(Reason.NO_CONSENT, "never asked")
    assert isinstance(second, Allowed)
    assert isinstance(third, Allowed)


def test_an_unsubscribed_address_still_gets_its_order_by_mail_but_nothing_after_stop(
    store: Store, people: dict[str, int]
) -> None:
    with store.engine.begin() as conn:
        suppressions.add(conn, KEY, "email", "ada@example.com", "unsubscribed", "test", NOW)
        suppressions.add(conn, KEY, "sms", "+14155550100", "unsubscribed", "test", NOW)
    who, order = people["fine"], Purpose.TRANSACTIONAL
    mail, sms, news = ask(
        store,
        [
            ContactRequest(who, Channel.EMAIL, "ada@example.com", order),
            ContactRequest(who, Channel.SMS, "+14155550100", order),
            ContactRequest(who, Channel.EMAIL, "ada@example.com"),
        ],
    )
    assert isinstance(mail, Allowed)
    assert sms == news == Blocked(Reason.SUPPRESSED, "unsubscribed")


def test_quiet_hours_defer_marketing_only(store: Store, people: dict[str, int]) -> None:
    night = NOW.replace(hour=23)
    requests = [
        ContactRequest(people["fine"], Channel.SMS, "+14155550100", purpose)
        for purpose in (Purpose.MARKETING, Purpose.TRANSACTIONAL)
    ]
    deferred, allowed = ask(store, requests, ProductSettings(), night)
    assert deferred == Deferred(datetime(2026, 3, 3, 9, tzinfo=UTC))
    assert isinstance(allowed, Allowed)


def test_a_day_and_a_week_have_their_caps(store: Store, people: dict[str, int]) -> None:
    settings = ProductSettings(quiet_hours={}, caps={"email": Cap(per_day=2, per_week=5)})
    request = ContactRequest(people["fine"], Channel.EMAIL, "ada@example.com")
    granted = [
        sum(
            isinstance(v, Allowed)
            for v in ask(store, [request] * 3, settings, NOW + timedelta(days=d))
        )
        for d in range(9)
    ]
    assert granted == [2, 2, 1, 0, 0, 0, 0, 2, 2]
    with store.engine.connect() as conn:
        at = NOW + timedelta(days=8)
        assert caps.at_cap(conn, "email", settings.caps["email"], at, "UTC").to_list() == [
            people["fine"]
        ]
        assert caps.at_cap(conn, "email", None, at, "UTC").is_empty()


def test_a_day_is_the_customers_own(store: Store, people: dict[str, int]) -> None:
    assert caps.local_day("Pacific/Auckland", NOW, "UTC") == date(2026, 3, 3)
    assert caps.local_day("nowhere", NOW, "Pacific/Honolulu") == date(2026, 3, 2)


def test_what_is_given_back_can_be_used_again(store: Store, people: dict[str, int]) -> None:
    cap = {Channel.EMAIL: Cap(per_day=1, per_week=1)}
    place = caps.Place(people["fine"], Channel.EMAIL, NOW.date())
    with store.engine.begin() as conn:
        assert caps.reserve(conn, [place, place], cap, NOW) == [True, False]
        caps.release(conn, [place])
        assert caps.reserve(conn, [place], cap, NOW) == [True]


def test_many_at_once_never_exceed_a_cap(store: Store, people: dict[str, int]) -> None:
    settings = ProductSettings(quiet_hours={}, caps={"email": Cap(per_day=3, per_week=4)})
    who = [people[name] for name in ("fine", "unasked", "refused")]
    with store.engine.begin() as conn:
        conn.execute(text("UPDATE customer SET email_consent = 1"))
    allowed: list[int] = []

    def campaign(shift: int) -> None:
        order = who[shift % 3 :] + who[: shift % 3]
        for day in (0, 1):
            requests = [ContactRequest(i, Channel.EMAIL, "ada@example.com") for i in order]
            verdicts = ask(store, requests, settings, NOW + timedelta(days=day))
            allowed.extend(
                i for i, v in zip(order, verdicts, strict=True) if isinstance(v, Allowed)
            )

    threads = [threading.Thread(target=campaign, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {i: allowed.count(i) for i in who} == dict.fromkeys(who, 4)
    with store.engine.connect() as conn:
        booked = conn.execute(text("SELECT days FROM contact_book")).scalars().all()
    assert all(max(Counter(days).values()) <= 3 and len(days) == 4 for days in booked)
