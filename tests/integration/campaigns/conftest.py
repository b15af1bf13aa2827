"""A shop with customers who said yes, a segment of all of them, and a campaign to it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from segmind.campaigns import campaign as campaigns
from segmind.campaigns import moves
from segmind.campaigns.campaign import Campaign
from segmind.campaigns.launch import launch
from segmind.campaigns.lifecycle import Status
from segmind.db.engine import Store
from segmind.segments import segment
from segmind.workspace import product_settings
from tests.recipients import make_messages

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
EMAIL = {"channel": "email", "subject": "Hello {{ first_name }}", "body": "<p>Spring is here.</p>"}
SMS = {"channel": "sms", "body": "Spring is here, {{ first_name }}. Reply STOP to opt out."}
EVERYBODY: dict[str, Any] = {"type": "all", "conditions": []}


class Desk:
    """Minutes count from ``now``."""

    now, email, sms = NOW, EMAIL, SMS

    def __init__(self, store: Store) -> None:
        self.store = store
        with store.engine.begin() as conn:
            product_settings.save(conn, {"postal_address": "1 High Street"}, "test", NOW)
            self.everybody = segment.create(
                conn, name="Everybody", rule=EVERYBODY, actor="test", now=NOW
            ).id

    def at(self, minute: float) -> datetime:
        return NOW + timedelta(minutes=minute)

    def customers(self, n: int, prefix: str = "c", **fields: Any) -> None:
        values = {"email_consent": "1", "sms_consent": "1"} | fields
        with self.store.engine.begin() as conn:
            conn.execute(
                text(
                    f"INSERT INTO customer (first_name, email, phone, {', '.join(values)})"
                    f" SELECT 'Ada', '{prefix}' || i || '@example.com',"
                    f" '+1500555' || lpad(i::text, 4, '0'), {', '.join(values.values())}"
                    " FROM generate_series(1, :n) AS i"
                ),
                {"n": n},
            )

    def campaign(self, **values: Any) -> Campaign:
        given: dict[str, Any] = {
            "name": "Spring",
            "channel": "email",
            "segment_id": self.everybody,
            "content": EMAIL,
            "holdout_percent": 0.0,
        } | values
        with self.store.engine.begin() as conn:
            return campaigns.create(conn, now=NOW, actor="test", **given)

    def move(self, name: str, campaign: Campaign, minute: float = 0) -> Campaign:
        with self.store.engine.begin() as conn:
            moved: Campaign = getattr(moves, name)(conn, campaign.id, self.at(minute), "test")
            return moved

    def launch(self, campaign: Campaign, minute: float = 0) -> Status:
        return launch(self.store, campaign.id, self.at(minute))

    def get(self, campaign: Campaign) -> Campaign:
        with self.store.engine.connect() as conn:
            return campaigns.get(conn, campaign.id)

    def rows(self, query: str, **values: Any) -> list[Any]:
        with self.store.engine.connect() as conn:
            return list(conn.execute(text(query), values).all())

    def count(self, table: str) -> int:
        return int(self.rows(f"SELECT count(*) FROM {table}")[0][0])

    def recipients(self) -> int:
        """Who is to get a message, or has one."""
        return self.count("message") + self._in_portions("IS NOT NULL")

    def waiting(self) -> int:
        """Who waits for the winner of a test."""
        return self._in_portions("IS NULL")

    def _in_portions(self, which: str) -> int:
        query = "SELECT COALESCE(sum(size - taken), 0) FROM recipient_portion"
        return int(self.rows(f"{query} WHERE template_version_id {which}")[0][0])

    def make_messages(self, minute: float = 0) -> None:
        """Everybody's turn has come."""
        with self.store.engine.begin() as conn:
            make_messages(conn, self.at(minute))

    def source(self, campaign: Campaign) -> str:
        found = self.rows("SELECT state FROM outbox_source WHERE source_id = :id", id=campaign.id)
        return str(found[0][0]) if found else "none"


@pytest.fixture
def desk(store: Store) -> Desk:
    return Desk(store)
