"""After a provider call: what it said of each message, written down in one transaction.

An acknowledgement counts only while the row is still this claim's and this call's, or while the
micro-batch is open: a stale process changes nothing, except that its proof of acceptance is taken.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, text

from segmind.channels.outcome import Accepted, InDoubt, Outcome, Rejected, Retry
from segmind.consent import suppressions
from segmind.consent.addresses import address_hash
from segmind.consent.reasons import SuppressionReason
from segmind.customers.erasure import ERASING
from segmind.db.literals import literal
from segmind.db.locks import lock_shared
from segmind.messages import contacts, evidence, micro_batches, retry
from segmind.messages.handover import Marked
from segmind.messages.judging import Claimed
from segmind.messages.lifecycle import State

_TOO_MANY_REQUESTS = 429


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """What the acknowledgement of one micro-batch changed; ``stale`` rows were no longer ours."""

    accepted: int = 0
    retried: int = 0
    in_doubt: int = 0
    failed: int = 0
    expired: int = 0
    stale: int = 0


class _Verdict(NamedTuple):
    message: Claimed
    outcome: Outcome
    state: State
    due_at: datetime | None = None
    error_class: str | None = None
    returned: bool = False  # the call does not count as an attempt

    @property
    def code(self) -> str | None:
        return None if isinstance(self.outcome, Accepted) else self.outcome.code

    @property
    def detail(self) -> str | None:
        return None if isinstance(self.outcome, Accepted) else self.outcome.detail

    @property
    def provider_id(self) -> str | None:
        return self.outcome.provider_id if isinstance(self.outcome, Accepted) else None


def acknowledge(
    conn: Connection,
    key: bytes,
    token: UUID | None,
    marked: Marked,
    outcomes: Sequence[Outcome],
    now: datetime,
    started_at: datetime,
    draw: random.Random,
    policy: retry.RetryPolicy = retry.DEFAULT,
) -> Acknowledged:
    """Write down what the provider said of each message of ``marked``, in one transaction.
    ``token``: the claim's; None: ``marked`` is a micro-batch, which is closed.

    DISPATCHING -> ACCEPTED | RETRY | IN_DOUBT | FAILED | EXPIRED, the attempt, ``message_sent`` in
    the log, the suppression of an address that the provider refuses for good.
    """
    verdicts = [
        _judge(item.message, outcome, now, draw, policy)
        for item, outcome in zip(marked.going, outcomes, strict=True)
    ]
    if token is None:
        present = _answer(conn, marked, verdicts, started_at, now)
    else:
        present = _move(conn, token, marked, verdicts, started_at, now)
    fresh = [v for v in verdicts if v.message.id in present]
    evidence.append_sent(
        conn,
        [v.message for v in fresh if v.state is State.ACCEPTED and present[v.message.id]],
        now,
    )
    _suppress(conn, key, fresh, now)
    unsent = [v.message.id for v in fresh if v.state not in {State.ACCEPTED, State.IN_DOUBT}]
    contacts.release(conn, unsent)
    stale = [v for v in verdicts if v.message.id not in present]
    late = _prove_late(conn, marked.request_id, stale, now)
    count = [v.state for v in fresh].count
    return Acknowledged(
        accepted=count(State.ACCEPTED) + late,
        retried=count(State.RETRY),
        in_doubt=count(State.IN_DOUBT),
        failed=count(State.FAILED),
        expired=count(State.EXPIRED),
        stale=len(stale) - late,
    )


def _judge(
    message: Claimed,
    outcome: Outcome,
    now: datetime,
    draw: random.Random,
    policy: retry.RetryPolicy,
) -> _Verdict:
    match outcome:
        case Accepted():
            return _Verdict(message, outcome, State.ACCEPTED)
        case InDoubt():
            return _Verdict(message, outcome, State.IN_DOUBT, error_class="in_doubt")
        case Rejected(pause_sender=False, blames_content=True):
            return _Verdict(message, outcome, State.FAILED, error_class="content")
        case Rejected(pause_sender=False):
            return _Verdict(message, outcome, State.FAILED, error_class="rejected")
        case Rejected():
            # The set-up is at fault, not the message: it waits and loses no attempt.
            wait = timedelta(seconds=retry.PAUSE_AFTER_REFUSED_SETUP)
            return _later(message, outcome, now + wait, "setup", returned=True)
        case Retry(http_status=status, pause_sender=paused, begun=begun):
            attempts = message.attempt + 1
            returned = status == _TOO_MANY_REQUESTS or paused or not begun
            if not returned and policy.is_exhausted(attempts):
                return _Verdict(message, outcome, State.FAILED, error_class="exhausted")
            wait = policy.wait(attempts, outcome.after_seconds, draw)
            return _later(message, outcome, now + wait, "temporary", returned=returned)


def _later(
    message: Claimed, outcome: Outcome, due_at: datetime, error_class: str, *, returned: bool
) -> _Verdict:
    too_late = due_at >= message.expires_at
    return _Verdict(
        message,
        outcome,
        State.EXPIRED if too_late else State.RETRY,
        due_at=None if too_late else due_at,
        error_class=error_class,
        returned=returned,
    )


#: What an attempt is called that ended in a state.
_OUTCOME_WORDS: Final = {
    State.ACCEPTED: "accepted",
    State.IN_DOUBT: "in_doubt",
    State.FAILED: "failed",
    State.RETRY: "retry",
    State.EXPIRED: "retry",
}


def _move(
    conn: Connection,
    token: UUID,
    marked: Marked,
    verdicts: Sequence[_Verdict],
    started_at: datetime,
    now: datetime,
) -> dict[int, bool]:
    """Apply the verdicts to rows that are still ours, with their attempts, in one statement.

    By message id: whether its customer is still there (not erased), for the log.
    """
    rows = conn.execute(_MOVE, _columns(marked, verdicts, started_at, now) | {"token": token})
    return {message_id: bool(is_present) for message_id, is_present in rows.all()}


def _answer(
    conn: Connection,
    marked: Marked,
    verdicts: Sequence[_Verdict],
    started_at: datetime,
    now: datetime,
) -> dict[int, bool]:
    """Close the micro-batch, whose messages are accepted by that, and write the other verdicts into
    theirs. What was simply accepted has no attempt of its own, and its name at the provider stands
    with the micro-batch.

    By message id: whether its customer is still there (not erased), for the log; empty where the
    micro-batch was given up for lost before.
    """
    taken = {v.message.id: v.provider_id for v in verdicts if v.state is State.ACCEPTED}
    if not micro_batches.close(conn, marked.request_id, taken, now):
        return {}
    # Who is erased from here on waits for what is written into the log about him.
    lock_shared(conn, ERASING)
    others = [v for v in verdicts if v.state is not State.ACCEPTED]
    if others:
        conn.execute(_ANSWER, _columns(marked, others, started_at, now))
    ids = [v.message.id for v in verdicts]
    rows = conn.execute(
        _ERASED, {"request_id": marked.request_id, "first": min(ids), "last": max(ids)}
    )
    erased = set(rows.scalars())
    return {message_id: message_id not in erased for message_id in ids}


def _columns(
    marked: Marked, verdicts: Sequence[_Verdict], started_at: datetime, now: datetime
) -> dict[str, Any]:
    return {
        "now": now,
        "started_at": started_at,
        "request_id": marked.request_id,
        "provider": marked.provider,
        "ids": literal([v.message.id for v in verdicts]),
        "states": literal([v.state.value for v in verdicts]),
        "words": literal([_OUTCOME_WORDS[v.state] for v in verdicts]),
        "dues": _said([v.due_at for v in verdicts]),
        "provider_ids": _said([v.provider_id for v in verdicts]),
        "classes": _said([v.error_class for v in verdicts]),
        "codes": _said([v.code for v in verdicts]),
        "details": _said([v.detail for v in verdicts]),
        "statuses": _said([v.outcome.http_status for v in verdicts]),
        "returned": literal([int(v.returned) for v in verdicts]),
    }


def _said(values: Sequence[Any]) -> str:
    """The values as an array; an empty one where none says anything: unnest fills it up."""
    return literal(values) if any(v is not None for v in values) else "{}"


_GIVEN: Final = """
        SELECT * FROM unnest(
            CAST(:ids AS bigint[]), CAST(:states AS smallint[]), CAST(:words AS text[]),
            CAST(:dues AS timestamptz[]), CAST(:provider_ids AS text[]), CAST(:classes AS text[]),
            CAST(:codes AS text[]), CAST(:details AS text[]), CAST(:statuses AS int[]),
            CAST(:returned AS int[])"""
_GIVEN_NAMES: Final = "id, state, word, due_at, provider_id, class, code, detail, status, returned"
_WRITTEN: Final = """
        INSERT INTO attempt (message_id, n, provider, started_at, finished_at, outcome,
                             http_status, code, detail, provider_id)
        SELECT g.id, moved.n, :provider, :started_at, :now, g.word, g.status, g.code, g.detail,
               g.provider_id
        FROM moved JOIN given g USING (id)"""
#: An erasure takes the address away from all messages of its customer, under their locks.
_MOVED: Final = "m.id, m.attempt + g.returned AS n, m.address IS NOT NULL AS is_present"
_PRESENT: Final = "SELECT id, is_present FROM moved"

#: Of what is in doubt: when its provider is to be asked, by the database's clock.
_DUE: Final = "CASE WHEN g.state = 5 THEN now() ELSE COALESCE(g.due_at, m.due_at) END"

_MOVE: Final = text(f"""
    WITH given AS MATERIALIZED ({_GIVEN}) AS g({_GIVEN_NAMES})), moved AS (
        UPDATE message m SET state = g.state, due_at = {_DUE},
            provider_id = COALESCE(g.provider_id, m.provider_id),
            sent_at = CASE WHEN g.state = 3 THEN :now ELSE m.sent_at END,
            error_class = g.class, error_code = g.code, error_message = g.detail,
            attempt = m.attempt - g.returned, claim_token = NULL,
            lease_until = CASE WHEN g.state = 5 THEN now() END
        FROM given g
        WHERE m.id = g.id AND m.claim_token = :token AND m.request_id = :request_id
          AND m.state = 2
        RETURNING {_MOVED}
    ), written AS ({_WRITTEN})
    {_PRESENT}
""")

_ANSWER: Final = text(f"""
    WITH given AS MATERIALIZED ({_GIVEN}) AS g({_GIVEN_NAMES})), moved AS (
        UPDATE message m SET state = g.state, attempt = m.attempt - g.returned, due_at = {_DUE},
            sent_at = NULL, error_class = g.class, error_code = g.code, error_message = g.detail,
            lease_until = CASE WHEN g.state = 5 THEN now() END
        FROM given g
        WHERE m.id = g.id AND m.request_id = :request_id AND m.state = 3
        RETURNING {_MOVED}
    )
    {_WRITTEN}
""")
_ERASED: Final = text("""
    SELECT id FROM message
    WHERE id BETWEEN :first AND :last AND request_id = :request_id AND address IS NULL
""")


def _suppress(conn: Connection, key: bytes, verdicts: Sequence[_Verdict], now: datetime) -> None:
    for verdict in verdicts:
        outcome, message = verdict.outcome, verdict.message
        if not (isinstance(outcome, Rejected) and outcome.suppress):
            continue
        hashed = address_hash(key, message.channel, message.address)
        reason = SuppressionReason.HARD_BOUNCE
        suppressions.add_hash(conn, message.channel, hashed, reason, outcome.code, now)
        ids = [message.customer_id] if message.customer_id is not None else []
        suppressions.mark(conn, message.channel, [message.address], ids)


def _prove_late(
    conn: Connection, request_id: UUID, stale: Sequence[_Verdict], now: datetime
) -> int:
    """An answer that came after the lease still proves: what was in doubt about this very call is
    accepted. A call that followed it has another request id and is not touched."""
    accepted = {v.message.id: v.provider_id for v in stale if v.state is State.ACCEPTED}
    if not accepted:
        return 0
    rows = conn.execute(
        text("""
            SELECT id FROM message
            WHERE id = ANY(:ids) AND request_id = :request_id AND state = 5 FOR UPDATE
        """),
        {"ids": list(accepted), "request_id": request_id},
    )
    proofs = [(row.id, accepted[row.id]) for row in rows]
    return len(evidence.prove(conn, proofs, now, states=[State.IN_DOUBT]))
