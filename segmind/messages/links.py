"""Our own links in messages: clicks, opens, unsubscribing, preferences.

A link names a message and, for a click, a stored destination; the address itself is never in the
link, so nobody can bend it elsewhere. Clicks and opens enter by the same inbox as a provider's
receipts. A GET never unsubscribes: scanners follow links.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, RowMapping, text

from segmind.channels.delivery import Delivery, Word
from segmind.consent import caps, signed, unsubscribe
from segmind.consent.addresses import masked
from segmind.consent.ledger import ConsentSource
from segmind.events.schema import Channel
from segmind.messages import inbox
from segmind.messages.machines import HIDDEN, Act, judge
from segmind.workspace import product_settings

#: The "provider" of what our own links report.
OURS: Final = "segmind"

_CLICK: Final = "click"
_OPEN: Final = "open"


@dataclass(frozen=True, slots=True)
class Visit:
    """What is known of a request to one of our links (kept only as evidence and flags)."""

    user_agent: str = ""
    ip: str = ""
    method: str = "GET"


@dataclass(slots=True)
class LinkBook:
    """Links made while messages are rendered: ids are drawn from the content, kept afterwards."""

    secret_key: bytes
    base_url: str
    new: dict[int, tuple[int, str]] = field(default_factory=dict)
    _known: set[int] = field(default_factory=set)

    def click(self, message: UUID, version_id: int, url: str) -> str:
        """The tracked form of ``url`` in this message."""
        return self.clicks([message.bytes], version_id, url)[0]

    def clicks(self, messages: Sequence[bytes], version_id: int, url: str) -> list[str]:
        """The tracked form of ``url`` in each message (the 16 bytes of its public id)."""
        link_id = _link_id(version_id, url)
        if link_id not in self._known:
            self.new[link_id] = (version_id, url)
        ending = link_id.to_bytes(8, "big")
        payloads = [message + ending for message in messages]
        base = f"{self.base_url}/l/"
        return [base + token for token in signed.sign_all(self.secret_key, _CLICK, payloads)]

    def pixel(self, message: UUID) -> str:
        """The address of the picture whose loading says that the message was opened."""
        return self.unseen([message.bytes])[0][1]

    def unseen(self, messages: Sequence[bytes]) -> list[tuple[str, str]]:
        """Of each message (the 16 bytes of its public id): the address of its hidden link (who
        follows it is none of the people who see the e-mail), and that of the picture whose loading
        says that the message was opened."""
        hidden, pixel = f"{self.base_url}/h/", f"{self.base_url}/l/"
        tokens = signed.sign_all(self.secret_key, _OPEN, messages)
        return [(hidden + token, pixel + token) for token in tokens]

    def unsubscribe(self, message: UUID) -> str:
        """The page to unsubscribe; the same address takes the one-click POST."""
        return self.unsubscribe_pages([message.bytes])[0]

    def unsubscribe_pages(self, messages: Sequence[bytes]) -> list[str]:
        """``unsubscribe`` of each message (the 16 bytes of its public id)."""
        base = f"{self.base_url}/u/"
        return [base + token for token in unsubscribe.tokens(self.secret_key, messages)]

    def keep(self, conn: Connection) -> None:
        """Store the new destinations. Do it before the messages leave."""
        if not self.new:
            return
        rows = sorted(self.new.items())
        conn.execute(
            text("""
                INSERT INTO link (id, template_version_id, url) OVERRIDING SYSTEM VALUE
                SELECT * FROM unnest(CAST(:ids AS bigint[]), CAST(:versions AS bigint[]),
                                     CAST(:urls AS text[]))
                ON CONFLICT DO NOTHING
            """),
            {
                "ids": [link_id for link_id, _ in rows],
                "versions": [version for _, (version, _) in rows],
                "urls": [url for _, (_, url) in rows],
            },
        )

    def kept(self) -> None:
        """The destinations of the last ``keep`` are committed."""
        if len(self._known) > 100_000:
            self._known.clear()
        self._known.update(self.new)
        self.new.clear()


def follow_click(
    conn: Connection, secret_key: bytes, token: str, now: datetime, visit: Visit
) -> str | None:
    """Where the click leads; it is recorded. None: we did not make this link (show a 404).

    Answer with 302, ``Cache-Control: no-store`` and ``Referrer-Policy: no-referrer``.
    """
    payload = signed.read(secret_key, _CLICK, token)
    if payload is None or len(payload) != 24:
        return None
    url = conn.execute(
        text("SELECT url FROM link WHERE id = :id"), {"id": int.from_bytes(payload[16:], "big")}
    ).scalar()
    if url is None:
        return None
    _report(conn, Word.CLICKED, UUID(bytes=payload[:16]), now, visit, url=url)
    return str(url)


def open_link(conn: Connection, secret_key: bytes, token: str, now: datetime, visit: Visit) -> bool:
    """Record that a message's picture was loaded; False: we did not make this link."""
    payload = signed.read(secret_key, _OPEN, token)
    if payload is None or len(payload) != 16:
        return False
    _report(conn, Word.OPENED, UUID(bytes=payload), now, visit)
    return True


def hidden_link(
    conn: Connection, secret_key: bytes, token: str, now: datetime, visit: Visit
) -> bool:
    """Record that a message's hidden link was followed; False: we did not make this link."""
    payload = signed.read(secret_key, _OPEN, token)
    if payload is None or len(payload) != 16:
        return False
    _report(conn, Word.CLICKED, UUID(bytes=payload), now, visit, url=HIDDEN)
    return True


@dataclass(frozen=True, slots=True)
class Preferences:
    """What the unsubscribe page shows: to whom (masked), of which channel, and the consents."""

    message_public_id: UUID
    channel: Channel
    address: str
    is_subscribed: bool
    consents: Mapping[Channel, int | None]
    suppressed: frozenset[Channel] = frozenset()
    can_choose: bool = False
    paused_until: datetime | None = None

    def is_on(self, channel: Channel) -> bool:
        """Whether marketing may go there as far as the customer decides."""
        if channel is self.channel:
            return self.is_subscribed
        return self.consents[channel] == 1 and channel not in self.suppressed


def preferences(conn: Connection, secret_key: bytes, token: str) -> Preferences | None:
    """What to show for an unsubscribe link (GET); changes nothing. None: not our link."""
    row = _of_token(conn, secret_key, token)
    if row is None:
        return None
    channel = Channel(row["channel"])
    blocked = conn.execute(
        text("SELECT 1 FROM suppression WHERE channel = :channel AND address_hash = :hash"),
        {"channel": int(channel), "hash": row["address_hash"]},
    ).scalar()
    consents = {which: row[f"{which.label}_consent"] for which in Channel}
    return Preferences(
        message_public_id=row["public_id"],
        channel=channel,
        address=masked(channel, row["address"]),
        is_subscribed=not blocked and consents[channel] != 0,
        consents=consents,
        suppressed=frozenset(which for which in Channel if row[f"{which.label}_suppressed"]),
        can_choose=row["present_id"] is not None,
        paused_until=row["paused_until"],
    )


def unsubscribe_post(
    conn: Connection,
    secret_key: bytes,
    token: str,
    now: datetime,
    visit: Visit,
    *,
    one_click: bool,
) -> bool:
    """Unsubscribe the message's address from its channel (POST only); at once, and again is fine.

    False: not our link.
    """
    row = _of_token(conn, secret_key, token)
    if row is None:
        return False
    source = ConsentSource.ONE_CLICK if one_click else ConsentSource.PREFERENCES
    unsubscribe.opt_out(
        conn,
        Channel(row["channel"]),
        customer_id=row["present_id"],
        hashed=bytes(row["address_hash"]),
        address=row["address"],
        source=source,
        evidence=_evidence(row["public_id"], visit),
        actor="customer",
        now=now,
    )
    _report(conn, Word.UNSUBSCRIBED, row["public_id"], now, visit)
    return True


def set_preferences(
    conn: Connection,
    key: bytes,
    secret_key: bytes,
    token: str,
    choices: Mapping[Channel, bool],
    now: datetime,
    visit: Visit,
) -> bool:
    """Record the customer's yes or no by channel (POST only). False: not our link, or no customer.

    A no to the message's own channel is an unsubscription.
    """
    row = _of_token(conn, secret_key, token)
    if row is None or row["present_id"] is None:
        return False
    for which, yes in choices.items():
        evidence = _evidence(row["public_id"], visit)
        if yes:
            unsubscribe.opt_in(
                conn, key, which, customer_id=row["present_id"],
                source=ConsentSource.PREFERENCES, evidence=evidence, actor="customer", now=now,
            )  # fmt: skip
        elif which == row["channel"]:
            unsubscribe_post(conn, secret_key, token, now, visit, one_click=False)
        else:
            unsubscribe.say(
                conn, key, which, False, customer_id=row["present_id"],
                source=ConsentSource.PREFERENCES, evidence=evidence, actor="customer", now=now,
            )  # fmt: skip
    return True


def pause(conn: Connection, secret_key: bytes, token: str, until: datetime) -> bool:
    """No marketing to the customer before ``until`` (POST only). False: not our link, or nobody."""
    row = _of_token(conn, secret_key, token)
    if row is None or row["present_id"] is None:
        return False
    caps.pause(conn, row["present_id"], until)
    return True


def _of_token(conn: Connection, secret_key: bytes, token: str) -> RowMapping | None:
    public_id = unsubscribe.read_token(secret_key, token)
    if public_id is None:
        return None
    return (
        conn.execute(
            text("""
                SELECT m.public_id, m.channel, m.address, m.address_hash, c.id AS present_id,
                       c.email_consent, c.sms_consent, c.push_consent,
                       c.email_suppressed, c.sms_suppressed, c.push_suppressed,
                       (SELECT max(b.paused_until) FROM contact_book b
                        WHERE b.customer_id = c.id) AS paused_until
                FROM message m
                LEFT JOIN customer_merge g ON g.from_id = m.customer_id
                LEFT JOIN customer c
                  ON c.id = COALESCE(g.into_id, m.customer_id) AND c.erased_at IS NULL
                WHERE m.public_id = :public_id
            """),
            {"public_id": public_id},
        )
        .mappings()
        .one_or_none()
    )


def _report(
    conn: Connection,
    word: Word,
    public_id: UUID,
    now: datetime,
    visit: Visit,
    *,
    url: str | None = None,
) -> None:
    """Put the act into the inbox. Repeats within a second are one act; one unsubscribes once."""
    sent_at, delivered_at = conn.execute(
        text("SELECT sent_at, delivered_at FROM message WHERE public_id = :id"), {"id": public_id}
    ).one_or_none() or (None, None)
    act = Act(now, url, visit.user_agent, visit.method)
    rules = product_settings.load(conn).machine_rules
    machine = judge([act], arrived=delivered_at or sent_at, links=0, rules=rules)[0]
    when = "" if word is Word.UNSUBSCRIBED else f":{int(now.timestamp())}"
    what = "" if url is None else ":" + hashlib.blake2b(url.encode(), digest_size=8).hexdigest()
    delivery = Delivery(
        word=word,
        provider=OURS,
        at=now,
        dedupe_key=f"{public_id.hex}:{word.value}{what}{when}",
        message_public_id=public_id,
        machine=machine and word is not Word.UNSUBSCRIBED,
        url=url,
        agent=visit.user_agent,
        method=visit.method if visit.method != "GET" else None,
    )
    inbox.store(conn, [delivery], now)


def _evidence(public_id: UUID, visit: Visit) -> dict[str, Any]:
    return {"message": str(public_id), "ip": visit.ip, "user_agent": visit.user_agent[:300]}


@lru_cache(maxsize=10_000)
def _link_id(version_id: int, url: str) -> int:
    digest = hashlib.blake2b(f"{version_id}:{url}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1
