"""A small shop's worth of customers, texts and messages, on a sandbox whose book is durable."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import polars as pl
from sqlalchemy import text

from segmind.channels.channel import Channel as ChannelName
from segmind.channels.outcome import Accepted, Outcome
from segmind.channels.provider import Capabilities, Check, Finding, NotFound, Parcel
from segmind.channels.registry import Registry
from segmind.channels.webhook import Deliveries, Refused, WebhookRequest
from segmind.consent.addresses import address_key
from segmind.db.engine import Store
from segmind.events.schema import Channel
from segmind.messages import outbox, portions
from segmind.messages.lifecycle import State
from segmind.messages.sources import SourceKey
from segmind.messages.under_way import STATE
from segmind.templates import versions
from segmind.templates.template import EmailDraft, SmsDraft
from tests.recipients import make_messages

NOON = datetime.fromisoformat("2026-03-02T12:00:00+00:00")


class Bench:
    """What the tests of sending do again and again."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.key = address_key(store.settings.secret_key)

    def customers(self, count: int, *, consent: int | None = 1, timezone: str = "UTC") -> list[int]:
        with self.store.engine.begin() as conn:
            rows = conn.execute(
                text("""
                    INSERT INTO customer (external_id, first_name, email, phone, timezone,
                                          email_consent, sms_consent, push_consent, push_token)
                    SELECT 'c' || n, 'Ada ' || n, 'ada' || n || '@example.com',
                           '+1415' || 5550000 + n, :timezone,
                           :consent, :consent, :consent, 'token-' || n
                    FROM generate_series(
                        (SELECT count(*) + 1 FROM customer),
                        (SELECT count(*) + :count FROM customer)) n
                    RETURNING id
                """),
                {"count": count, "consent": consent, "timezone": timezone},
            )
            return sorted(rows.scalars())

    def version(self, channel: str = "email", body: str = "") -> int:
        drafts = {
            "email": EmailDraft(
                subject="Hello {{ first_name }}",
                body=body
                or '<p>Hi {{ first_name }}, <a href="https://shop.example.com/x">look</a>'
                '</p><a href="{{ unsubscribe_url }}">No more</a>',
            ),
            "sms": SmsDraft(body=body or "Hello {{ first_name }}"),
        }
        with self.store.engine.begin() as conn:
            return versions.save_version(conn, drafts[channel])

    def broadcast(
        self,
        customers: Sequence[int],
        version: int,
        channel: Channel = Channel.EMAIL,
        *,
        source_id: int = 1,
        now: datetime = NOON,
        lifetime: timedelta = timedelta(hours=6),
        due_at: datetime | None = None,
        as_messages: bool = False,
    ) -> int:
        """A campaign's recipients in portions; with ``due_at``, or ``as_messages``, as messages."""
        column = {Channel.EMAIL: "email", Channel.SMS: "phone", Channel.PUSH: "push_token"}[channel]
        with self.store.engine.begin() as conn:
            rows = conn.execute(
                text(f"SELECT id, {column} FROM customer WHERE id = ANY(:ids)"),
                {"ids": list(customers)},
            ).all()
            frame = pl.DataFrame(
                {"customer_id": [r[0] for r in rows], "address": [r[1] for r in rows]},
                schema={"customer_id": pl.Int64(), "address": pl.String()},
            )
            if due_at is not None or as_messages:
                due = due_at or now
                return outbox.enqueue_many(
                    conn, self.key, 1, source_id, frame, version, channel, due, due + lifetime, now
                )
            return portions.put_in(
                conn,
                self.key,
                SourceKey(1, source_id),
                frame.with_columns(
                    step=pl.lit(None, pl.String), template_version_id=pl.lit(version, pl.Int64)
                ),
                channel,
                now + lifetime,
            )

    def make_single(self) -> None:
        """Single messages, which are claimed one by one, of everybody whose turn was to come."""
        with self.store.engine.begin() as conn:
            make_messages(conn, NOON, as_single=True)

    def states(self, source_id: int = 1) -> dict[State, int]:
        """Of all its recipients; those whose turn comes count as READY."""
        counted = Counter[State]()
        for state, n in self.rows(
            f"""
            SELECT {STATE}, count(*) FROM message m
            WHERE source_kind = :kind AND source_id = :id GROUP BY 1
            UNION ALL SELECT 0, {portions.WAITING}
            """,
            kind=1, id=source_id,
        ):  # fmt: skip
            counted[State(state)] += n  # type: ignore[operator]
        return +counted

    def rows(self, query: str, **values: object) -> list[tuple[object, ...]]:
        with self.store.engine.connect() as conn:
            return [tuple(row) for row in conn.execute(text(query), values)]

    def value(self, query: str, **values: object) -> object:
        return self.rows(query, **values)[0][0]

    def run(self, query: str, **values: object) -> None:
        with self.store.engine.begin() as conn:
            conn.execute(text(query), values)


class Scripted:
    """A provider that answers as the test says, and remembers what it was given."""

    batch_size = 500

    def __init__(
        self,
        channel: str = "email",
        answer: Callable[[Parcel], Outcome] | None = None,
        *,
        found: Callable[[Parcel], Finding] | None = None,
        look_up: bool = True,
        repeat_is_harmless: bool = False,
        name: str = "scripted",
    ) -> None:
        self.name = name
        self.channel = ChannelName(channel)
        self.capabilities = Capabilities(True, look_up, repeat_is_harmless)
        self.sent: list[Parcel] = []
        self.asked_since: list[datetime] = []
        self.answer = answer or (lambda parcel: Accepted(f"P{parcel.message_public_id.hex}"))
        self.found = found or (lambda parcel: NotFound())

    def send(self, parcels: Sequence[Parcel]) -> list[Outcome]:
        self.sent += parcels
        return [self.answer(parcel) for parcel in parcels]

    def find(self, parcel: Parcel, since: datetime) -> Finding:
        self.asked_since.append(since)
        return self.found(parcel)

    def read_webhook(self, request: WebhookRequest) -> Deliveries | Refused:
        return Deliveries(())

    def check(self) -> Check:
        return Check(True, "")

    @property
    def ids(self) -> list[UUID]:
        return [parcel.message_public_id for parcel in self.sent]


def registry_of(provider: Scripted) -> Registry:
    """All channels carried by one provider."""
    return Registry(dict.fromkeys(ChannelName, provider))
