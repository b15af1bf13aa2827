"""Finding messages: every status word is one condition, an address is found whole or in part."""

from __future__ import annotations

from itertools import product

import pytest
from sending_bench import NOON, Bench, Scripted, registry_of
from sqlalchemy import text

from segmind.channels.delivery import Delivery as Report
from segmind.channels.delivery import Word
from segmind.channels.outcome import Accepted
from segmind.errors import InvalidInput
from segmind.messages import inbox, queries, receipts
from segmind.messages.dispatch import Dispatcher
from segmind.messages.lifecycle import Delivery, State
from segmind.messages.queries import MessageFilter
from segmind.messages.status_words import CONDITIONS, status_word
from segmind.workspace.product_settings import ProductSettings

OPEN = ProductSettings(quiet_hours={}, caps={})


def test_each_message_fits_the_condition_of_its_status_and_no_other(bench: Bench) -> None:
    kinds = list(product(State, Delivery, ["open", "cancelled"], [None, "cancelled", "suppressed"]))
    values = ", ".join(
        f"({n}, {int(state)}, {int(delivery)}, '{source}', {_sql(skip)})"
        for n, (state, delivery, source, skip) in enumerate(kinds)
    )
    with bench.store.engine.connect() as conn:
        for word, condition in CONDITIONS.items():
            found = conn.execute(
                text(f"""
                    SELECT m.id
                    FROM (VALUES {values}) AS v(id, state, delivery, source, skip_reason)
                    JOIN LATERAL (SELECT v.*, CAST(NULL AS uuid) AS request_id) m ON true
                    JOIN LATERAL (SELECT m.source AS state) s ON true WHERE {condition}
                """)
            ).scalars()
            expected = {n for n, kind in enumerate(kinds) if status_word(*kind) == word}
            assert set(found) == expected, word


def test_a_campaigns_message_is_found_by_what_its_provider_calls_it(bench: Bench) -> None:
    people, version = bench.customers(3), bench.version()
    names = iter(["one name", "one name", "one name", "M1", "M2", "M3", "alone"])
    provider = Scripted(answer=lambda parcel: Accepted(next(names)))
    for source, count in ((1, 3), (2, 3), (3, 1)):
        bench.broadcast(people[:count], version, source_id=source)
        sender = Dispatcher(bench.store, registry_of(provider), OPEN, now=lambda: NOON, seed=1)
        sender.run_until_idle()

    def found(sought: str) -> list[tuple[int, str | None]]:
        with bench.store.engine.connect() as conn:
            page = queries.search(conn, MessageFilter(text=sought))
        return [(m.source_id, m.provider_id) for m in page.messages]

    assert found("one name") == [(1, "one name")] * 3
    assert found("M2") == [(2, "M2")]
    assert found("alone") == [(3, "alone")]
    for sought in ("M3", "alone", "nobody's"):
        report = Report(Word.DELIVERED, "scripted", NOON, f"k{sought}", provider_id=sought)
        with bench.store.engine.begin() as conn:
            inbox.store(conn, [report], NOON)
    receipts.reduce_inbox(bench.store, NOON)
    delivered = "SELECT source_id FROM message WHERE delivery = 4 ORDER BY 1"
    assert bench.rows(delivered) == [(2,), (3,)]
    outcomes = bench.rows("SELECT outcome FROM webhook_inbox ORDER BY id")
    assert [row[0] for row in outcomes] == ["applied", "applied", "unknown_message"]


def _sql(value: str | None) -> str:
    return "NULL" if value is None else f"'{value}'"


def test_a_message_is_found_by_what_is_known_of_it(bench: Bench) -> None:
    people = bench.customers(12)
    bench.broadcast(people, bench.version(), as_messages=True)
    bench.run("UPDATE message SET provider = 'twilio', provider_id = 'SM1' WHERE id % 12 = 1")
    bench.run("UPDATE message SET provider = 'sendgrid', provider_id = 'x.1' WHERE id % 12 = 2")
    bench.run("UPDATE message SET state = 6, error_code = '30007' WHERE id % 12 = 3")

    def found(**wanted: object) -> list[queries.Message]:
        with bench.store.engine.connect() as conn:
            page = queries.search(conn, MessageFilter(**wanted), key=bench.key)  # type: ignore[arg-type]
            return list(page.messages)

    assert len(found()) == 12
    assert [m.address for m in found(address=" Ada3@Example.com")] == ["ada3@example.com"]
    assert [m.address for m in found(text="ada3@example.com")] == ["ada3@example.com"]
    assert {m.address for m in found(text="ada1")} == {
        f"ada{n}@example.com" for n in (1, 10, 11, 12)
    }
    assert [m.provider_id for m in found(text="SM1")] == ["SM1"]
    assert [m.provider_id for m in found(text="x.1")] == ["x.1"]
    one = found(text="SM1")[0]
    assert [m.id for m in found(text=f"SM{one.public_id.hex}")] == [one.id]
    assert [m.id for m in found(text=str(one.public_id))] == [one.id]
    assert [m.error_code for m in found(error_code="30007")] == ["30007"]
    assert [m.status for m in found(status="failed")] == ["failed"]
    assert found(text="100%") == []
    with pytest.raises(InvalidInput):
        found(status="lost")
