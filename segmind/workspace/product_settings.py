"""How the shop has set Segmind up: typed, validated, kept as rows that the UI edits.

Infrastructure (where things are) is in ``segmind.settings``; this is what a marketer decides.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, time
from functools import lru_cache
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
)
from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.postgresql import insert

from segmind.db.locks import lock
from segmind.errors import InvalidInput
from segmind.workspace import audit, currency
from segmind.workspace.prices import MOST_PRICES, MessagePrice, micros_of, repeated
from segmind.workspace.tables import setting

ChannelName = Literal["email", "sms", "push"]
ClockText = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
#: 24:00 is the end of a day.
EndText = Annotated[str, StringConstraints(pattern=r"^(([01]\d|2[0-3]):[0-5]\d|24:00)$")]
Hours = tuple[ClockText, EndText]
ShortText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]
Micros = Annotated[int, Field(ge=0, le=100_000_000)]

_EMAIL = re.compile(r"^[^\s@<>\"]+@[^\s@<>\"]+\.[^\s@<>\"]+$")
_SMS_SENDER = re.compile(
    r"^(\+[1-9]\d{6,14}|MG[0-9a-f]{32}|\d{3,8}|[A-Za-z0-9][A-Za-z0-9 ]{1,10})$"
)


class InvalidSetting(InvalidInput):
    """This setting is not valid."""

    code = "invalid_setting"


class QuietHours(BaseModel):
    """No marketing message between ``start`` and ``end``, in the recipient's own zone.

    The window may pass midnight ("21:00" to "09:00"); equal ends mean no quiet hours.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    start: ClockText
    end: ClockText

    @property
    def starts(self) -> time:
        return time.fromisoformat(self.start)

    @property
    def ends(self) -> time:
        return time.fromisoformat(self.end)


class Cap(BaseModel):
    """The most marketing messages for one customer on one channel."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    per_day: int = Field(ge=1, le=100)
    per_week: int = Field(ge=1, le=500)
    #: Hours that must lie between two of them; 0: none.
    gap_hours: int = Field(default=0, ge=0, le=168)


class PlaceHours(BaseModel):
    """When the law of a place allows marketing messages, by the wall clock there.

    ``country``: ISO 3166 code; ``state``: code of a state, "" for all of the country. Pairs of from
    and until; Saturday's are the weekdays' and Sunday's are Saturday's where not given.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
    state: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{0,3}$")] = ""
    weekdays: Hours
    saturday: Hours | None = None
    sunday: Hours | None = None


class Retention(BaseModel):
    """How long what is personal is kept. Messages and receipts stay as rows without it; of events
    older than ``event_months`` before the newest one, whole months are deleted. None: for ever."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    webhook_days: int | None = Field(default=30, ge=1, le=3650)
    message_days: int | None = Field(default=90, ge=1, le=3650)
    event_months: int | None = Field(default=25, ge=1, le=600)


class MachineRules(BaseModel):
    """What makes a click or an open look like no human's: see ``messages.machines``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    quick_seconds: int = Field(default=5, ge=0, le=600)
    burst_links: int = Field(default=3, ge=2, le=100)
    burst_seconds: int = Field(default=3, ge=1, le=600)
    #: Parts of user agents of gateways and scanners, in lower case.
    agents: tuple[Annotated[ShortText, Field(min_length=2)], ...] = (
        "bot", "crawler", "spider", "preview", "scan", "safelinks", "proofpoint", "mimecast",
        "barracuda", "googleimageproxy", "yahoomailproxy", "python-requests", "curl/", "wget/",
        "headlesschrome", "trendmicro", "symantec", "fireeye", "forcepoint",
    )  # fmt: skip


#: Federal 8 to 21, Sunday from noon to 20 by prudence, and the states that are stricter.
_SMS_LAWS: Final = (
    PlaceHours(
        country="US", weekdays=("08:00", "21:00"), saturday=("08:00", "21:00"),
        sunday=("12:00", "20:00"),
    ),
    *(
        PlaceHours(country="US", state=state, weekdays=("08:00", "20:00"))
        for state in ("FL", "MD", "MS", "NJ", "OK")
    ),
    PlaceHours(country="US", state="CT", weekdays=("09:00", "20:00")),
    PlaceHours(
        country="US", state="RI", weekdays=("09:00", "18:00"), saturday=("10:00", "17:00")
    ),
    PlaceHours(
        country="US", state="TX", weekdays=("09:00", "21:00"), saturday=("09:00", "21:00"),
        sunday=("12:00", "21:00"),
    ),
)  # fmt: skip


class ProductSettings(BaseModel):
    """The shop's settings.

    Costs are millionths of the currency unit for one e-mail, one SMS part, one push;
    ``message_prices`` narrows them by provider and country. ``attribution_windows``: days by
    channel where they differ from ``attribution_window_days``; ``attribution_touch``: the
    shallowest act that counts for rules that share an order among touches.
    A channel missing in ``quiet_hours`` has none; one missing in ``caps`` is not capped.
    ``clock_frozen_at`` lets the product's time stand still (historical data); None: real time.
    ``late_schedule_hours``: a scheduled campaign found later than this is marked missed, not sent.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    shop_name: Annotated[ShortText, Field(min_length=1)] = "My shop"
    currency: str = "USD"
    timezone: str = "UTC"
    postal_address: Annotated[str, StringConstraints(max_length=500)] = ""
    public_url: str | None = None
    #: Where the status of single messages is told, unless their sender names another address.
    status_callback_url: str | None = None
    attribution_window_days: int = Field(default=5, ge=1, le=90)
    attribution_windows: dict[ChannelName, Annotated[int, Field(ge=1, le=90)]] = {}
    attribution_touch: Literal["delivered", "opened", "clicked"] = "opened"
    holdout_percent: float = Field(default=5.0, ge=0, le=50)
    #: Customers who get no marketing at all, from campaigns, automations or the API.
    global_holdout_percent: float = Field(default=0.0, ge=0, le=20)
    quiet_hours: dict[ChannelName, QuietHours] = {
        "sms": QuietHours(start="20:00", end="09:00"),
        "push": QuietHours(start="21:00", end="08:00"),
    }
    caps: dict[ChannelName, Cap] = {
        "email": Cap(per_day=2, per_week=7),
        "sms": Cap(per_day=1, per_week=3),
        "push": Cap(per_day=3, per_week=14),
    }
    #: Laws of places by channel. The shop's lawyer knows better: edit them in Settings.
    place_hours: dict[ChannelName, tuple[PlaceHours, ...]] = {"sms": _SMS_LAWS}
    #: Countries (ISO 3166; "*": all) in which e-mail may go to who never said yes or no.
    email_unasked_countries: tuple[
        Annotated[str, StringConstraints(pattern=r"^([A-Z]{2}|\*)$")], ...
    ] = ()
    retention: Retention = Retention()
    machine_rules: MachineRules = MachineRules()
    sms_sender: ShortText = ""
    email_from: ShortText = ""
    email_from_name: ShortText = ""
    sms_cost_micros: Micros = 7_900
    email_cost_micros: Micros = 400
    push_cost_micros: Micros = 0
    message_prices: Annotated[tuple[MessagePrice, ...], Field(max_length=MOST_PRICES)] = ()
    #: Messages (of SMS: parts) a second by provider ("twilio") or by its sender
    #: ("twilio:+15005550006"), all processes together. What is missing has no limit but 429s.
    send_limits: dict[ShortText, Annotated[float, Field(gt=0, le=1_000_000)]] = {}
    #: What becomes of a message that nobody can prove sent or unsent, after reconciliation.
    in_doubt_policy: Literal["hold", "assume_sent", "send_again"] = "hold"
    clock_frozen_at: AwareDatetime | None = None
    late_schedule_hours: int = Field(default=2, ge=0, le=168)

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    def cost_micros(self, channel: ChannelName, provider: str | None, country: str | None) -> int:
        """What one part costs on this channel, with this provider, to this country."""
        otherwise: int = getattr(self, f"{channel}_cost_micros")
        return micros_of(self.message_prices, channel, provider, country, otherwise)

    @field_validator("message_prices")
    @classmethod
    def _each_once(cls, value: tuple[MessagePrice, ...]) -> tuple[MessagePrice, ...]:
        if (again := repeated(value)) is not None:
            named = ", ".join(part for part in again.place if part)
            raise ValueError(f"Give one price for {named}, not two.")
        return value

    @field_validator("currency")
    @classmethod
    def _known_currency(cls, value: str) -> str:
        if value not in currency.CODES:
            raise ValueError("Give an ISO 4217 code, such as USD or EUR.")
        return value

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value not in _zones():
            raise ValueError("Give an IANA time zone, such as Europe/Berlin.")
        return value

    @field_validator("public_url")
    @classmethod
    def _absolute_url(cls, value: str | None) -> str | None:
        return _public_url(value.strip()) if value and value.strip() else None

    @field_validator("email_from")
    @classmethod
    def _email_address(cls, value: str) -> str:
        if value and not _EMAIL.match(value):
            raise ValueError("Give an e-mail address, such as shop@example.com.")
        return value

    @field_validator("email_from_name", "shop_name")
    @classmethod
    def _one_line(cls, value: str) -> str:
        if any(ord(letter) < 32 for letter in value):
            raise ValueError("Use one line without control characters.")
        return value

    @field_validator("sms_sender")
    @classmethod
    def _sender(cls, value: str) -> str:
        if value and not _SMS_SENDER.match(value):
            raise ValueError("Give a number (+15550100), a short code, or up to 11 letters.")
        return value

    @field_validator("clock_frozen_at")
    @classmethod
    def _in_utc(cls, value: datetime | None) -> datetime | None:
        return value.astimezone(UTC) if value else None


def load(conn: Connection) -> ProductSettings:
    """The present settings: stored rows over the defaults.

    Rows that this version does not know are ignored, so that an older one can read a newer one's.

    Raises:
        InvalidSetting: a stored row is not valid any more; ``field`` names it.
    """
    rows = conn.execute(select(setting.c.key, setting.c.value))
    known = ProductSettings.model_fields
    return _validated({row.key: row.value for row in rows if row.key in known})


def currency_of(conn: Connection) -> str:
    """The present currency alone, for who asks thousands of times a minute.

    Raises:
        InvalidSetting: what is stored is no currency.
    """
    stored = conn.execute(select(setting.c.value).where(setting.c.key == "currency")).scalar()
    return _currency_of(stored)


@lru_cache(maxsize=256)
def _currency_of(stored: str | None) -> str:
    return _validated({} if stored is None else {"currency": stored}).currency


def since_when(conn: Connection, field: str) -> datetime | None:
    """When this setting was given its present value; None while it has its default."""
    found: datetime | None = conn.execute(
        select(setting.c.updated_at).where(setting.c.key == field)
    ).scalar_one_or_none()
    return found


def save(
    conn: Connection, changes: Mapping[str, Any], actor: str, now: datetime
) -> ProductSettings:
    """Store ``changes`` (by field name) and record them; returns the settings as they are now.

    A field set to its default is forgotten, so that later defaults reach it.

    Raises:
        InvalidSetting: nothing was stored; ``field`` names the path (``caps.sms.per_day``).
    """
    lock(conn, "product_settings")
    before = load(conn)
    after = _validated({**before.model_dump(mode="json"), **_plain(changes)})
    old, new = before.model_dump(mode="json"), after.model_dump(mode="json")
    defaults = ProductSettings().model_dump(mode="json")
    changed = {name: value for name, value in new.items() if value != old[name]}
    for name, value in changed.items():
        conn.execute(delete(setting).where(setting.c.key == name))
        if value != defaults[name]:
            conn.execute(insert(setting).values(key=name, value=value, updated_at=now))
    if changed:
        detail = {name: {"before": old[name], "after": new[name]} for name in changed}
        audit.record(conn, actor, "settings.update", "workspace", detail)
    return after


def _plain(changes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _plain_value(value) for name, value in changes.items()}


def _plain_value(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return {key: _plain_value(each) for key, each in value.items()}
    return value


def _validated(values: Mapping[str, Any]) -> ProductSettings:
    try:
        return ProductSettings.model_validate(dict(values))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        field = ".".join(str(part) for part in first["loc"] if part != "[key]")
        if first["type"] == "extra_forbidden":
            raise InvalidSetting("There is no such setting.", field=field) from None
        hint = str(first["msg"]).removeprefix("Value error, ")
        raise InvalidSetting(hint=hint, field=field) from None


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _public_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        usable = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable or parts.scheme not in {"http", "https"} or parts.username is not None:
        raise ValueError("Give an address such as https://shop.example.com.")
    if parts.query or parts.fragment:
        raise ValueError("Leave out what follows ? or #.")
    return value.rstrip("/")
