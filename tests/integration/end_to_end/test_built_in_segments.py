"""``GET /segments`` says of the built-in segments what a second computation says."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from scripts.demo_shop.make import make
from segmind import clock
from segmind.api import application
from segmind.customers.imports import import_file
from segmind.customers.tracking import track
from segmind.db.engine import Store
from segmind.events.importers.online_retail import OnlineRetail
from segmind.events.importers.rees46 import Rees46
from segmind.segments import membership
from segmind.segments.built_ins import BUILT_INS
from segmind.workspace import product_clock, product_settings
from tests.integration.end_to_end.second_opinion import SecondOpinion

KEYS = {each.key for each in BUILT_INS}
FILES = {
    "rees46": (Rees46, "rees46_2019-10-01_sample.csv.gz"),
    "online-retail": (OnlineRetail, "uci_online_retail.csv.gz"),
}
#: What the files' amounts are in.
CURRENCIES = {"rees46": "USD", "online-retail": "GBP"}
#: Which of the segments somebody is in at the end of a file: orders without views have no carts.
AT_LARGE = {
    "rees46": {"high_converters", "window_shoppers", "cart_abandoners", "high_value"},
    "online-retail": {"high_converters", "loyal_customers", "at_risk", "high_value"},
}


@pytest.fixture
def system_clock() -> Iterator[None]:
    """Whatever a test does to the clock ends with it."""
    yield
    clock.use(None)


@cache
def routes() -> FastAPI:
    """All routes; FastAPI prepares each when it is first called, 50 ms of work."""

    def opened() -> Store:
        raise AssertionError("Each question opens the API on a store of its own.")

    return application.build(opened)


def asked(store: Store, path: str, **params: str) -> dict[str, Any]:
    """What the API answers."""

    application.open_on(routes(), lambda: store)

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=routes())
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.get(path, params=params)

    answer = asyncio.run(ask())
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def listed(store: Store, **params: str) -> dict[str, dict[str, Any]]:
    """The built-in segments as ``GET /segments`` lists them, by key."""
    segments = asked(store, "/segments", **params)["segments"]
    return {each["key"]: each for each in segments if each["is_built_in"]}


def totals(store: Store, since: datetime, until: datetime) -> tuple[int, int, int, int]:
    """Gross, refunds, orders and buyers as ``GET /analytics/revenue`` answers."""
    params = {"since": since.isoformat(), "until": until.isoformat()}
    found = asked(store, "/analytics/revenue", **params)
    money = (found[name]["amount"] for name in ("gross", "refunds"))
    return (*money, found["orders"], found["buyers"])


def sizes(segments: dict[str, dict[str, Any]]) -> dict[str, int]:
    return {key: each["size"]["size"] for key, each in segments.items()}


def filled(found: dict[str, int]) -> dict[str, int]:
    """With the segments that nobody is in."""
    return dict.fromkeys(KEYS, 0) | found


@pytest.mark.real_data
@pytest.mark.parametrize("file_format", FILES)
def test_built_in_sizes_on_a_real_file_are_those_of_a_second_computation(
    store: Store, real_data: Path, system_clock: None, file_format: str
) -> None:
    importer, name = FILES[file_format]
    report = import_file(store, real_data / name, importer(), clock.now())
    assert report.last_ts is not None
    with store.engine.begin() as conn:
        settings = {"clock_frozen_at": report.last_ts, "currency": CURRENCIES[file_format]}
        product_settings.save(conn, settings, "test", clock.now())
    product_clock.follow(store)

    segments = listed(store)
    assert {each["size"]["as_of"] for each in segments.values()} == {
        report.last_ts.isoformat().replace("+00:00", "Z")
    }
    found = sizes(segments)
    published = SecondOpinion.of_csv(file_format, real_data / name)
    kept = SecondOpinion.of_store(store)
    assert found == filled(published.sizes(clock.now())) == filled(kept.sizes(clock.now()))
    assert {key for key, size in found.items() if size} == AT_LARGE[file_format]

    assert report.first_ts is not None
    after = report.last_ts + timedelta(microseconds=1)
    for begin in (report.first_ts, _between(report.first_ts, report.last_ts, 0.6)):
        mine = totals(store, begin, after)
        assert mine == published.totals(begin, after) == kept.totals(begin, after)
        assert min(mine[0], mine[2], mine[3]) > 0

    for other in (published, kept):
        assert_understood_alike(store, other, report.first_ts)

    for share in (0.3, 0.55, 0.8):
        past = _between(report.first_ts, report.last_ts, share)
        found = sizes(listed(store, as_of=past.isoformat()))
        assert found == filled(published.sizes(past)) == filled(kept.sizes(past))


def assert_understood_alike(store: Store, other: SecondOpinion, first: datetime) -> None:
    """Retention cells, RFM scores, gaps between orders and conversion, as the API answers."""
    span = {"since": first.isoformat(), "until": (clock.now() + timedelta(seconds=1)).isoformat()}
    found = asked(store, "/analytics/retention", group_by="month", **span)
    assert [
        (cell["cohort"], cell["offset"], cell["customers"])
        for cell in found["cells"]
        if cell["customers"]
    ] == other.retention()
    found = asked(store, "/analytics/rfm")
    cells = {(c["recency"], c["frequency"]): c["customers"] for c in found["cells"]}
    assert {cell: n for cell, n in cells.items() if n} == other.rfm()
    gaps, lapse = other.gaps(), asked(store, "/analytics/lapse")
    if lapse["reason"] is None:
        assert lapse["gaps"] == len(gaps)
        for row in lapse["thresholds"]:
            within = sum(gap <= row["days"] for gap in gaps)
            assert within >= row["quantile"] * len(gaps) > sum(g < row["days"] for g in gaps) - 1
    else:
        assert len(gaps) < 30
    sessions, ordered, active, buyers = other.conversion(first)
    told = asked(store, "/analytics/funnel", **span)["conversion"]
    assert told["by_session"] == (ordered / sessions if sessions else None)
    assert told["by_customer"] == buyers / active


def _between(first: datetime | None, last: datetime, share: float) -> datetime:
    assert first is not None
    return (first + share * (last - first)).replace(microsecond=0)


def test_built_in_sizes_on_the_demo_shop_are_those_of_a_second_computation(store: Store) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    make(store, events=20_000, seed=7, now=now, history=(3,), say=lambda _: None)

    segments = listed(store)
    found = sizes(segments)
    as_of = {datetime.fromisoformat(each["size"]["as_of"]) for each in segments.values()}
    assert as_of == {now}
    assert found == filled(SecondOpinion.of_store(store).sizes(now))
    assert all(found.values()), f"A built-in segment without anybody says nothing: {found}"

    span = (now - timedelta(days=30), now)
    assert totals(store, *span) == SecondOpinion.of_store(store).totals(*span)

    first = datetime.fromisoformat(asked(store, "/analytics/funnel", days="90")["period"]["since"])
    second = SecondOpinion.of_store(store)
    second.sizes(now)
    with clock.frozen(now):
        assert_understood_alike(store, second, first)

    _live_on(store, now)
    later = now + timedelta(hours=2)
    membership.refresh_all(store, later)
    after = sizes(listed(store))
    assert after == filled(SecondOpinion.of_store(store).sizes(later))
    assert after != found


def _live_on(store: Store, now: datetime) -> None:
    """Calls that come in by the API: they lie in PostgreSQL, not in files."""
    calls: list[dict[str, Any]] = []
    for number in range(1, 31):
        who = {"userId": f"late-{number}"}
        for look in range(number):
            at = now + timedelta(minutes=look)
            calls.append(
                {
                    "type": "track",
                    "event": "Product Viewed",
                    "timestamp": at.isoformat(),
                    "properties": {"product_id": f"late-{look % 3}"},
                }
                | who
            )
        calls.append(
            {
                "type": "track",
                "event": "Product Added",
                "timestamp": (now + timedelta(minutes=35)).isoformat(),
                "properties": {"product_id": "late-1", "price": 12.5, "quantity": 2},
            }
            | who
        )
        if number % 3 == 0:
            calls.append(
                {
                    "type": "track",
                    "event": "Order Completed",
                    "timestamp": (now + timedelta(minutes=40)).isoformat(),
                    "properties": {
                        "order_id": f"late-{number}",
                        "products": [{"product_id": "late-1", "price": 12.5, "quantity": 2}],
                    },
                }
                | who
            )
    with store.engine.begin() as conn:
        results = track(conn, calls, now + timedelta(hours=2))
    assert {result.status for result in results} == {"accepted"}
