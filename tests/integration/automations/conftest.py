"""A small shop whose customers do things at given minutes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, text

from segmind.automations import automation as automations
from segmind.automations import engine, recipes, runs
from segmind.automations.automation import Automation
from segmind.automations.definition import Definition
from segmind.automations.lifecycle import State
from segmind.db.engine import Store
from segmind.events import ingest
from segmind.events.ingest import NewEvent
from segmind.workspace import product_settings

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


class Shop:
    """Minutes count from ``NOW``; the automation goes live at minute 0."""

    def __init__(self, store: Store) -> None:
        self.store = store
        with store.engine.begin() as conn:
            product_settings.save(
                conn, {"postal_address": "1 High Street", "quiet_hours": {}}, "test", NOW
            )
            self.product = conn.execute(
                text(
                    "INSERT INTO product (external_id, name, price) VALUES ('p', 'Lamp', 3990)"
                    " RETURNING id"
                )
            ).scalar_one()

    def at(self, minute: float) -> datetime:
        return NOW + timedelta(minutes=minute)

    def customer(self, name: str = "ada", **fields: Any) -> int:
        values = {
            "email": f"{name}@example.com",
            "phone": "+15005550006",
            "email_consent": 1,
            "sms_consent": 1,
        } | fields
        columns = ", ".join(values)
        with self.store.engine.begin() as conn:
            return int(
                conn.execute(
                    text(
                        f"INSERT INTO customer (first_name, {columns}) VALUES (:first_name,"
                        f" {', '.join(f':{name}' for name in values)}) RETURNING id"
                    ),
                    {"first_name": name.title()} | values,
                ).scalar_one()
            )

    def did(
        self,
        customer: int,
        minute: float,
        name: str,
        *,
        known: float | None = None,
        order: int | None = None,
    ) -> None:
        """``known``: the minute at which we learnt of it (at once, unless said otherwise)."""
        event = NewEvent(
            event_id=None,
            name=name,
            ts=self.at(minute),
            customer_id=customer,
            product_id=self.product,
            quantity=1,
            value=3990,
            order_id=None if order is None else f"o-{order}",
        )
        with self.store.engine.begin() as conn:
            ingest.append(conn, [event], self.at(minute if known is None else known))

    def live(self, definition: Definition | None = None, minute: float = 0) -> Automation:
        with self.store.engine.begin() as conn:
            made = automations.create(
                conn, "Cart", definition or recipes.cart_recovery(), self.at(minute), "test"
            )
            return automations.set_state(conn, made.id, State.LIVE, self.at(minute), "test")

    def tick(self, minute: float) -> None:
        """What the scheduler does again and again."""
        engine.heed(self.store, self.at(minute))
        engine.enter(self.store, self.at(minute))
        engine.advance(self.store, self.at(minute))

    def rows(self, query: str, **values: Any) -> list[Any]:
        with self.store.engine.connect() as conn:
            return list(conn.execute(text(query), values).all())

    def runs(self) -> list[tuple[int, str, str | None]]:
        """(customer, state, exit reason) of every run, in the order of their beginning."""
        return [
            tuple(row)
            for row in self.rows(
                "SELECT customer_id, state, exit_reason FROM automation_run ORDER BY id"
            )
        ]

    def messages(self) -> list[tuple[int, str, int]]:
        """(customer, step, state) of every message."""
        return [
            tuple(row)
            for row in self.rows("SELECT customer_id, step, state FROM message ORDER BY id")
        ]

    def history(self, run_id: int) -> list[tuple[str, str]]:
        with self.store.engine.connect() as conn:
            _, passages = runs.history(conn, run_id)
        return [(passage.step, passage.outcome) for passage in passages]

    def conn(self) -> Connection:
        return self.store.engine.connect()


@pytest.fixture
def shop(store: Store) -> Shop:
    return Shop(store)
