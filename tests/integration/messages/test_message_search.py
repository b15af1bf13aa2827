"""Finding messages: every status word is one condition, an address is found whole or in part."""

from __future__ import annotations

from itertools import product

import pytest
from sending_bench import Bench
from sqlalchemy import text

from segmind.errors import InvalidInput
from segmind.messages import queries
from segmind.messages.lifecycle import Delivery, State
from segmind.messages.queries import MessageFilter
from segmind.messages.status_words import CONDITIONS, status_word


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
