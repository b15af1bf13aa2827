"""What people decide about doubts moves only what is in doubt, and is written down."""

from __future__ import annotations

from sending_bench import NOON, Bench, Scripted, registry_of
from sqlalchemy import text

from segmind.channels.outcome import InDoubt
from segmind.channels.provider import NotFound
from segmind.messages import doubts, reconcile
from segmind.messages.dispatch import Dispatcher
from segmind.messages.lifecycle import State
from segmind.messages.sources import SourceKey
from segmind.workspace.product_settings import ProductSettings

SOURCE = SourceKey(1, 1)


def in_doubt(bench: Bench, count: int) -> list[int]:
    bench.broadcast(bench.customers(count), bench.version())
    provider = Scripted(answer=lambda parcel: InDoubt("Cut off."), found=lambda parcel: NotFound())
    Dispatcher(
        bench.store,
        registry_of(provider),
        seed=1,
        settings=ProductSettings(quiet_hours={}, caps={}),
        now=lambda: NOON,
    ).run_until_idle()
    assert bench.states() == {State.IN_DOUBT: count}
    with bench.store.engine.connect() as conn:
        return reconcile.in_doubt(conn, *SOURCE)


def test_a_decision_moves_only_what_is_in_doubt_and_is_audited(bench: Bench) -> None:
    ids = in_doubt(bench, 4)
    with bench.store.engine.begin() as conn:
        assert doubts.mark_sent(conn, SOURCE, NOON, actor="ada", message_ids=ids[:1]) == 1
        assert doubts.mark_sent(conn, SOURCE, NOON, actor="ada", message_ids=ids[:1]) == 0
        assert doubts.mark_sent(conn, SourceKey(1, 99), NOON, actor="ada", message_ids=ids) == 0
        assert doubts.resend(conn, SOURCE, NOON, actor="ada", message_ids=[ids[1], -1]) == 1
        assert doubts.resend(conn, SOURCE, NOON, actor="ada") == 2
    assert bench.states() == {State.ACCEPTED: 1, State.RETRY: 3}
    with bench.store.engine.connect() as conn:
        said = conn.execute(
            text("SELECT actor, action, subject, detail FROM audit ORDER BY id")
        ).tuples()
        assert [tuple(row) for row in said] == [
            ("ada", "doubt.mark_sent", "source 1:1", {"messages": 1}),
            ("ada", "doubt.mark_sent", "source 1:1", {"messages": 0}),
            ("ada", "doubt.mark_sent", "source 1:99", {"messages": 0}),
            ("ada", "doubt.resend", "source 1:1", {"messages": 1}),
            ("ada", "doubt.resend", "source 1:1", {"messages": 2}),
        ]


def test_asking_now_settles_what_a_receipt_has_proved(bench: Bench) -> None:
    ids = in_doubt(bench, 2)
    bench.run(f"UPDATE message SET delivery = 4 WHERE id = {ids[0]}")
    report = doubts.ask_now(bench.store, registry_of(Scripted()), SOURCE, NOON, actor="ada")
    assert report.accepted == 1
    assert bench.states() == {State.ACCEPTED: 1, State.IN_DOUBT: 1}
