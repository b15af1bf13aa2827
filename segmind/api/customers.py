"""Customers: search, one customer, what they did, their consents, export and erasure."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Literal

import polars as pl
from fastapi import APIRouter, Depends, Query
from starlette.responses import JSONResponse, Response

from segmind import clock
from segmind.api.caller import Caller, StoreOf, requires
from segmind.api.customer_shapes import (
    ChannelOut,
    ConsentImport,
    ConsentOut,
    Consents,
    ConsentsTaken,
    CustomerOut,
    Customers,
    Erased,
    Erasures,
    EventOut,
    ExternalIdOut,
    NewConsent,
    NewOptIn,
    OptInRequested,
    ProfileOut,
    Timeline,
    TotalsOut,
)
from segmind.api.shapes import AsOf, Cursor, Instant, Limit, PathId, present
from segmind.api.strict_json import StrictRoute
from segmind.consent import ledger, unsubscribe
from segmind.consent.addresses import address_key, as_channel
from segmind.customers import erasure, identity, profile, queries, timeline
from segmind.customers.facts import read_facts
from segmind.customers.queries import CustomerRow
from segmind.db.engine import Store
from segmind.errors import NotFound
from segmind.events.schema import Channel
from segmind.messages import opt_in_mail, personal_data
from segmind.messages.erasure import forgetting
from segmind.workspace import audit, product_settings
from segmind.workspace.api_keys import Scope

router = APIRouter(prefix="/customers", tags=["Customers"], route_class=StrictRoute)
READING = [Depends(requires(Scope.CUSTOMERS_READ))]
Writes = Annotated[Caller, Depends(requires(Scope.CUSTOMERS_WRITE))]


@router.get("", dependencies=READING)
def search(
    store: StoreOf,
    query: Annotated[str, Query(max_length=200, description="Name, e-mail, phone, id.")] = "",
    external_id: Annotated[str | None, Query(max_length=500)] = None,
    before: Cursor = None,
    limit: Limit = 50,
) -> Customers:
    """Customers whose name, e-mail, phone or id starts with ``query``; or the one of an id."""
    with store.engine.connect() as conn:
        if external_id is not None:
            found_id = identity.find(conn, "user", external_id.replace("\0", ""))
            rows = queries.get_many(conn, [found_id]).values() if found_id is not None else ()
            return Customers(customers=[_row(row) for row in rows], next=None)
        page = queries.search(conn, query, before=before, limit=limit)
    return Customers(customers=[_row(row) for row in page.customers], next=page.next)


@router.get("/{customer_id}", dependencies=READING)
def get(store: StoreOf, customer_id: PathId, as_of: AsOf = None) -> ProfileOut:
    """One customer with ids, channels, traits and totals."""
    with store.engine.connect() as conn:
        found = profile.read(conn, read_facts(store), customer_id, present(as_of))
        currency = product_settings.load(conn).currency
    totals = found.totals
    return ProfileOut(
        **_row(found.customer).model_dump(),
        language=found.language,
        timezone=found.timezone,
        birthday=found.birthday,
        traits=dict(found.traits),
        ids=[ExternalIdOut.model_validate(each) for each in found.ids],
        channels=[
            ChannelOut(
                channel=state.channel.label,
                address=state.address,
                consent=state.consent,
                suppressed=state.suppressed,
                recorded_at=state.recorded_at,
                source=state.source,
            )
            for state in found.channels
        ],
        totals=TotalsOut(
            sessions=totals.sessions,
            orders=totals.orders,
            revenue=totals.revenue,
            refunds=totals.refunds,
            net_revenue=totals.net_revenue,
            currency=currency,
            conversion=totals.conversion,
            first_seen=totals.first_seen,
            last_seen=totals.last_seen,
            last_order=totals.last_order,
        ),
    )


@router.get("/{customer_id}/timeline", dependencies=READING)
def events(
    store: StoreOf,
    customer_id: PathId,
    since: Annotated[Instant | None, Query()] = None,
    until: Annotated[Instant | None, Query(description="`next` of the page before.")] = None,
    limit: Limit = 50,
) -> Timeline:
    """What the customer did and got, newest first."""
    with store.engine.connect() as conn:
        known = queries.get(conn, customer_id)
    rows = timeline.of_customer(
        read_facts(store), known.id, since=since, until=until, limit=limit
    ).to_dicts()
    return Timeline(
        events=[
            EventOut(
                **{name: row[name] for name in _EVENT_FIELDS},
                channel=Channel(row["channel"]).label if row["channel"] else None,
                machine=bool(row["machine"]),
            )
            for row in rows
        ],
        next=rows[-1]["ts"] if len(rows) >= limit else None,
    )


_EVENT_FIELDS = tuple(name for name in EventOut.model_fields if name not in {"channel", "machine"})


@router.get("/{customer_id}/consents", dependencies=READING)
def consents(store: StoreOf, customer_id: PathId) -> Consents:
    """Every yes and no by channel, newest first."""
    with store.engine.connect() as conn:
        known = queries.get(conn, customer_id)
        current = ledger.current(conn, known.id)
        entries = ledger.history(conn, known.id)
    return Consents(
        current={channel.label: bool(status) for channel, status in current.items()},
        entries=[
            ConsentOut(
                id=entry.id,
                channel=entry.channel.label,
                consent=bool(entry.status),
                purpose=entry.purpose,
                source=entry.source,
                evidence=dict(entry.evidence) if entry.evidence else None,
                actor=entry.actor,
                at=entry.at,
            )
            for entry in entries
        ],
    )


@router.post("/{customer_id}/consents", status_code=HTTPStatus.CREATED)
def record_consent(
    store: StoreOf, caller: Writes, customer_id: PathId, body: NewConsent
) -> Consents:
    """Record a yes or no. A yes lifts an earlier unsubscription, never a bounce or complaint."""
    now, key = clock.now(), address_key(store.settings.secret_key)
    with store.engine.begin() as conn:
        known = queries.get(conn, customer_id)
        evidence = body.evidence or None
        if body.purpose == ledger.MARKETING:
            unsubscribe.say(
                conn,
                key,
                body.channel,
                body.consent,
                customer_id=known.id,
                source=body.source,
                evidence=evidence,
                actor=caller.actor,
                now=now,
            )
        else:
            ledger.record(
                conn, known.id, body.channel, body.consent, body.source, evidence,
                caller.actor, now, purpose=body.purpose,
            )  # fmt: skip
        detail = {"channel": body.channel, "consent": body.consent, "purpose": body.purpose}
        audit.record(conn, caller.actor, "customer.consent", f"customer {known.id}", detail)
    return consents(store, customer_id)


@router.post("/consents/import")
def import_consents(store: StoreOf, caller: Writes, body: ConsentImport) -> ConsentsTaken:
    """Consents that were given elsewhere, by the shop's own ids. Say where they come from.

    Each row is taken or named as unknown. Suppressed addresses stay suppressed: an import is
    nobody's own yes.
    """
    ids = [row.external_id for row in body.consents]
    with store.engine.begin() as conn:
        found = identity.find_many(conn, "user", ids)
        rows = [
            {"customer_id": found[row.external_id], "channel": int(as_channel(row.channel)),
             "status": int(row.consent)}
            for row in body.consents
            if row.external_id in found
        ]  # fmt: skip
        schema = {"customer_id": pl.Int64(), "channel": pl.Int16(), "status": pl.Int16()}
        evidence = {**body.evidence, "attestation": body.attestation}
        taken = ledger.record_many(
            conn, pl.DataFrame(rows, schema=schema), ledger.ConsentSource.IMPORT, evidence,
            caller.actor, clock.now(),
        )  # fmt: skip
        audit.record(conn, caller.actor, "consents.import", "customers", {"taken": taken})
    unknown = list(dict.fromkeys(each for each in ids if each not in found))
    return ConsentsTaken(taken=taken, unknown=unknown)


@router.post("/{customer_id}/consents/requests", status_code=HTTPStatus.CREATED)
def request_consent(
    store: StoreOf, caller: Writes, customer_id: PathId, body: NewOptIn
) -> OptInRequested:
    """Double opt-in: the yes counts once the customer has pressed the button behind the link.

    With `send`, Segmind writes them a message with the link; else send it yourself.
    """
    now = clock.now()
    with store.engine.begin() as conn:
        known = queries.get(conn, customer_id)
        asked = opt_in_mail.request(
            conn,
            store.settings.secret_key,
            store.settings.public_url,
            known.id,
            body.channel,
            source=body.source,
            evidence=body.evidence or None,
            actor=caller.actor,
            now=now,
            send=body.send,
        )
        detail = {"channel": body.channel}
        audit.record(conn, caller.actor, "customer.opt_in_request", f"customer {known.id}", detail)
    return OptInRequested(
        confirm_url=asked.confirm_url, expires_at=asked.expires_at, message_id=asked.message_id
    )


@router.get("/{customer_id}/export", dependencies=READING)
def export(
    store: StoreOf,
    customer_id: PathId,
    form: Annotated[Literal["json", "csv"], Query(alias="format")] = "json",
) -> Response:
    """Everything kept of a customer: fields, ids, devices, consents, events, messages, clicks and
    replies. `csv`: a zip with one file per part."""
    with store.engine.connect() as conn:
        data = personal_data.export(conn, read_facts(store), customer_id)
    if form == "json":
        return JSONResponse(data)
    name = f"customer-{data['customer']['id']}.zip"
    return Response(
        personal_data.as_zip(data),
        media_type="application/zip",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@router.delete("/{customer_id}", status_code=HTTPStatus.NO_CONTENT)
def erase(store: StoreOf, caller: Writes, customer_id: PathId) -> None:
    """Forget who a customer was, for good. Figures stay as they are; addresses stay blocked.

    Event files forget them within a minute or two: see the jobs of the page Data.
    """
    _erase(store, caller, customer_id)


@router.post("/erasures")
def erase_many(store: StoreOf, caller: Writes, body: Erasures) -> Erased:
    """Forget many customers. Each is a transaction of its own; event files are rewritten once for
    all of them. Who is not known, or was erased before, is listed."""
    unknown = []
    for each in dict.fromkeys(body.customer_ids):
        try:
            _erase(store, caller, each)
        except NotFound:
            unknown.append(each)
    return Erased(erased=len(set(body.customer_ids)) - len(unknown), unknown=unknown)


def _erase(store: Store, caller: Caller, customer_id: int) -> None:
    now, key = clock.now(), address_key(store.settings.secret_key)
    with store.engine.begin() as conn:
        erasure.erase(conn, customer_id, now, also=[forgetting(key, now)])
        audit.record(conn, caller.actor, "customer.erase", f"customer {customer_id}")


def _row(row: CustomerRow) -> CustomerOut:
    return CustomerOut.model_validate(row)
