"""Who calls: an API key with its scopes, or anybody on a new workspace's own machine.

A key comes as ``Authorization: Bearer sgm_live_...`` or as the user name of Basic authentication,
as Segment's libraries send it.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from segmind import clock
from segmind.api.problems import Refusal
from segmind.api.rates import Rate, Rates
from segmind.api.stores import Stores
from segmind.api.visits import address_of, visit_of
from segmind.db.engine import Store
from segmind.workspace import access, api_keys
from segmind.workspace.api_keys import PREFIX, ApiKey, Scope

#: How often one key may call, and how often one address may be wrong.
CALLS: Final = Rate(per_second=100, burst=500)
WRONG_KEYS: Final = Rate(per_second=0.5, burst=20)
#: How often one address may report: providers post many small calls, each with a signature.
WEBHOOKS: Final = Rate(per_second=200, burst=2_000)

OPEN_WORKSPACE: Final = "open workspace"

#: Names the scheme in the OpenAPI document.
BEARER: Final = HTTPBearer(
    auto_error=False,
    description="An API key, `sgm_live_...`; also taken as the user name of Basic authentication.",
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, as the audit names it. ``key`` is None in an open workspace."""

    actor: str
    key: ApiKey | None

    def allows(self, scope: Scope) -> bool:
        return self.key is None or self.key.allows(scope)

    def require(self, scope: Scope) -> None:
        """Let the call pass.

        Raises:
            Refusal: the key lacks ``scope`` (403).
        """
        if not self.allows(scope):
            raise Refusal(
                HTTPStatus.FORBIDDEN,
                "missing_scope",
                f"This key lacks the scope {scope}.",
                hint="Create a key with this scope in Settings.",
            )


class Doors:
    """The limits of one serving process."""

    def __init__(self) -> None:
        self.calls = Rates(CALLS)
        self.wrong_keys = Rates(WRONG_KEYS)
        self.webhooks = Rates(WEBHOOKS)


def store_of(request: Request) -> Store:
    """The store behind this request.

    Raises:
        Unavailable: the database does not answer.
    """
    stores: Stores = request.app.state.stores
    return stores.get()


StoreOf = Annotated[Store, Depends(store_of)]


def requires(scope: Scope) -> Callable[..., Caller]:
    """A dependency: the caller, if it may do ``scope``."""

    def caller(
        request: Request,
        store: StoreOf,
        _bearer: Annotated[Any, Depends(BEARER)],
    ) -> Caller:
        found = caller_of(request, store)
        found.require(scope)
        return found

    return caller


def caller_of(request: Request, store: Store, written_key: str | None = None) -> Caller:
    """The caller. ``written_key`` is a key in the body (browsers' beacons carry no header).

    Raises:
        Refusal: no key, a wrong one (401), or too many calls (429).
    """
    doors: Doors = request.app.state.doors
    presented = presented_key(request.headers.get("authorization", ""))
    if presented is None:
        presented = written_key
    address = address_of(request) or "local"
    with store.engine.begin() as conn:
        now = clock.wall()
        key = api_keys.check(conn, presented, now) if presented else None
        if key is None and presented is None:
            is_open = access.api_is_open(conn, store.settings, visit_of(request), now)
        else:
            is_open = False
    if key is not None:
        pace(doors.calls, key.id)
        return Caller(f"key {key.id}", key)
    if is_open:
        pace(doors.calls, f"open {address}")
        return Caller(OPEN_WORKSPACE, None)
    if presented is not None:
        pace(doors.wrong_keys, address)
    raise Refusal(
        HTTPStatus.UNAUTHORIZED,
        "missing_key" if presented is None else "invalid_key",
        "This needs an API key." if presented is None else "This API key is not valid.",
        hint="Send Authorization: Bearer sgm_live_...; keys are made in Settings.",
        headers={"WWW-Authenticate": 'Bearer realm="Segmind"'},
    )


def presented_key(authorization: str) -> str | None:
    """The key in an Authorization header; None: the header is missing or empty."""
    scheme, _, value = authorization.strip().partition(" ")
    if not scheme:
        return None
    if scheme.lower() == "basic":
        try:
            pair = base64.b64decode(value.strip(), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return ""
        user, _, password = pair.partition(":")
        # Twilio's libraries send an account as the user and the key as the password.
        return password if not user.startswith(PREFIX) and password.startswith(PREFIX) else user
    return value.strip() if scheme.lower() == "bearer" else ""


def pace(rates: Rates, caller: str) -> None:
    """Let one call of ``caller`` pass.

    Raises:
        Refusal: too many (429, with Retry-After).
    """
    wait = rates.wait(caller)
    if wait > 0:
        raise Refusal(
            HTTPStatus.TOO_MANY_REQUESTS,
            "too_many_requests",
            "Too many requests.",
            hint="Wait as long as Retry-After says; send events in batches.",
            headers={"Retry-After": str(math.ceil(wait))},
        )
