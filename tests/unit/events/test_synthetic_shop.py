"""The synthetic shop has the published shape, repeats itself, and reaches nobody real."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import numpy as np
import phonenumbers
import polars as pl
import pytest

from segmind.events.schema import EVENT_COLUMNS, Kind
from segmind.events.shop.calibration import compare, report
from segmind.events.shop.catalogue import make_catalogue
from segmind.events.shop.people import make_people
from segmind.events.shop.published import HOURS, Size
from segmind.events.shop.stream import Shop, days_of_events
from segmind.events.shop.visits import plan_visits

UNTIL = datetime(2026, 3, 2, 12, tzinfo=UTC)
SINCE = UNTIL - timedelta(days=30)


def make_log(events: int, seed: int = 1) -> pl.DataFrame:
    size = Size(events)
    catalogue = make_catalogue(size, np.random.default_rng([seed, 1]))
    visits = plan_visits(size, SINCE, UNTIL, np.random.default_rng([seed, 2]))
    ids = np.arange(1, catalogue.frame.height + 1, dtype=np.int32)
    days = days_of_events(visits, catalogue, Shop(seed, ids, 1), UNTIL)
    return pl.concat(frame for _, frame in days)


@pytest.fixture(scope="module")
def log() -> pl.DataFrame:
    return make_log(400_000)


def test_every_published_figure_is_met_within_its_grade(log: pl.DataFrame) -> None:
    lines = compare(log.lazy(), Size(400_000))
    outside = [line.figure for line in lines if not line.is_within]
    assert outside == [], report(lines)
    assert len(lines) >= 20


def test_hours_of_the_day_follow_the_published_profile(log: pl.DataFrame) -> None:
    hours = log.filter(pl.col("kind") == 1)["ts"].dt.hour().value_counts().sort("ts")["count"]
    shares = hours.to_numpy() / hours.sum()
    published = np.array(HOURS) / sum(HOURS)
    assert np.abs(shares - published).max() < 0.012


def test_the_same_seed_makes_the_same_log_and_another_another() -> None:
    first, again, other = make_log(20_000, 7), make_log(20_000, 7), make_log(20_000, 8)
    assert first.equals(again)
    assert not first.equals(other)


def test_events_are_whole_unique_and_inside_the_period(log: pl.DataFrame) -> None:
    assert dict(log.schema).items() <= EVENT_COLUMNS.items()
    unsaid = {
        "currency",
        "channel",
        "message_id",
        "source_kind",
        "source_id",
        "machine",
        "properties",
    }
    assert set(EVENT_COLUMNS) - set(log.columns) == unsaid
    assert log.select("event_hi", "event_lo").is_unique().all()
    assert log["ts"].min() >= SINCE
    assert log["ts"].max() < UNTIL


def test_a_purchase_follows_a_view_of_its_session_and_a_refund_its_order(log: pl.DataFrame) -> None:
    first_view = log.filter(pl.col("kind") == 1).group_by("session_key").agg(pl.col("ts").min())
    lines = log.filter(pl.col("kind") == int(Kind.ORDER_COMPLETED))
    joined = lines.join(first_view, on="session_key", suffix="_view")
    # A session just before the period's first midnight may have lost nothing but is never later.
    assert joined.height == lines.height
    assert (joined["ts"] >= joined["ts_view"]).all()
    refunds = log.filter(pl.col("kind") == int(Kind.ORDER_REFUNDED))
    orders = lines.group_by("order_key").agg(pl.col("ts").min(), pl.col("value").sum())
    checked = (
        refunds.group_by("order_key")
        .agg(pl.col("ts").min(), pl.col("value").sum())
        .join(orders, on="order_key", suffix="_order")
    )
    assert checked.height == refunds["order_key"].n_unique() > 0
    assert (checked["ts"] > checked["ts_order"]).all()
    assert (checked["value"] <= checked["value_order"]).all()


def test_nobody_real_can_be_reached() -> None:
    people = make_people(5_000, 1, SINCE, np.random.default_rng(3))
    mails = people["email"].drop_nulls()
    assert mails.str.contains(r"@example\.(com|org|net)$").all()
    assert mails.n_unique() == len(mails)
    phones = people["phone"].drop_nulls().to_list()
    assert len(set(phones)) == len(phones) > 2_000
    assert all(re.fullmatch(r"\+1\d{3}55501\d\d", phone) for phone in phones)
    assert all(phonenumbers.is_valid_number(phonenumbers.parse(p)) for p in phones[:300])
    assert people["push_token"].drop_nulls().str.starts_with("demo-").all()


def test_consent_is_unknown_where_there_is_no_address() -> None:
    people = make_people(5_000, 1, SINCE, np.random.default_rng(3))
    for channel, address in (("email", "email"), ("sms", "phone"), ("push", "push_token")):
        without = people.filter(pl.col(address).is_null())
        assert without[f"{channel}_consent"].is_null().all()
        assert set(people[f"{channel}_consent"].drop_nulls().unique()) == {0, 1}
