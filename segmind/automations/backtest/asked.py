"""Back-tests and simulations of definitions as they are written: nothing of them is kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Connection

from segmind.automations.backtest.expected import Expected, expected
from segmind.automations.backtest.leaving import Gate
from segmind.automations.backtest.question import Question
from segmind.automations.backtest.replaying import replay
from segmind.automations.backtest.result import Backtest
from segmind.automations.backtest.simulating import Simulated, simulate
from segmind.automations.backtest.summing import Summing
from segmind.automations.contents import frozen
from segmind.automations.definition import Definition
from segmind.automations.validate import require_valid
from segmind.customers.facts import Facts, read_facts
from segmind.db.engine import Store
from segmind.segments.cost import TooCostly
from segmind.segments.naming import words_of
from segmind.segments.segment import resolver
from segmind.workspace import product_settings
from segmind.workspace.product_settings import ProductSettings


def run(conn: Connection, facts: Facts, settings: ProductSettings, question: Question) -> Backtest:
    """What the automation would have done.

    Raises:
        InvalidPeriod, InvalidRule; Stopped, when told to stop.
    """
    replayed = replay(conn, facts, question)
    gate = Gate(replayed.past, question.definition, settings, question.automation_id)
    fates = gate.fates(replayed.course.runs, replayed.course.sends)
    return Summing(conn, facts, settings, replayed, fates).result()


def backtested(store: Store, question: Question, most_seconds: float | None = None) -> Backtest:
    """The answer to a question about any definition, saved or not.

    Raises:
        InvalidDefinition, InvalidPeriod; TooCostly: it would take longer than ``most_seconds``.
    """
    facts = read_facts(store)
    price = expected(facts, question.checked())
    if most_seconds is not None and price.seconds > most_seconds:
        raise TooCostly(
            price, most_seconds, "The back-test", "Allow more time, or choose a shorter period."
        )
    with store.engine.connect() as conn:
        require_valid(conn, question.definition)
        return run(conn, facts, product_settings.load(conn), question)


def price(store: Store, question: Question) -> Expected:
    """How long the answer takes. Raises InvalidPeriod."""
    return expected(read_facts(store), question.checked())


def simulated(
    store: Store,
    definition: Definition,
    customer_id: int,
    start: datetime,
    automation_id: int | None = None,
) -> Simulated:
    """One person's way through any definition, saved or not.

    Raises:
        InvalidDefinition; NotFound: there is no such customer.
    """
    facts = read_facts(store)
    with _thrown_away(store) as conn:
        require_valid(conn, definition)
        return simulate(
            conn,
            facts,
            product_settings.load(conn),
            frozen(conn, definition),
            customer_id,
            start,
            resolve=resolver(conn),
            words=words_of(conn),
            automation_id=automation_id,
        )


@contextmanager
def _thrown_away(store: Store) -> Iterator[Connection]:
    """A transaction in which contents become versions, and of which nothing remains."""
    with store.engine.connect() as conn, conn.begin() as transaction:
        yield conn
        transaction.rollback()
