"""Random rules from the whole language and random logs, with many ties and edges."""

from __future__ import annotations

import json
import random
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
from hypothesis import strategies as st
from segment_oracle import RFM_GROUPS, STANDARD, World

from segmind.customers.facts import Facts
from segmind.events.schema import EVENT_COLUMNS

#: Beside changes of clocks, so that windows and days meet them.
MOMENTS = [
    ("UTC", datetime(2026, 3, 2, 12, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 3, 8, 8, 30, tzinfo=UTC)),  # an hour after spring forward
    ("Europe/Berlin", datetime(2026, 10, 25, 12, tzinfo=UTC)),  # the day has 25 hours
    ("Asia/Kathmandu", datetime(2026, 3, 31, 18, 15, tzinfo=UTC)),  # exactly local midnight
    ("America/Santiago", datetime(2026, 9, 6, 16, tzinfo=UTC)),  # midnight is skipped
]
CUSTOM = {"newsletter": 100, "quiz done": 101}
PRODUCTS = {
    1: {
        "external_id": "p1",
        "name": "Red Shoe",
        "category": "Shoes",
        "brand": "acme",
        "price": 900,
    },
    2: {"external_id": "p2", "name": "blue hat", "category": "Hats", "brand": None, "price": 1500},
    3: {"external_id": "p3", "name": "red hat", "category": "Hats", "brand": "ACME", "price": None},
}
#: Ages at which windows of the rules below begin and end, so that edges are met exactly.
EDGES = [
    timedelta(minutes=30),
    timedelta(hours=1),
    timedelta(hours=2),
    timedelta(days=1),
    timedelta(days=2),
    timedelta(days=7),
    timedelta(days=14),
]
TICK = timedelta(microseconds=1)
OPEN_VALUES = [
    *("gold", "Silver", "10", "10.5", "2026-03-02", "2026-03-01T23:30:00Z"),
    *(5, 10, 10.5, -1, True, False),
]
KINDS = [1, 1, 2, 2, 3, 4, 5, 5, 5, 6, 7, 10, 11, 13, 13, 14, 20, 100, 100, 101]


def world_of(seed: int) -> World:
    """A small shop: a dozen customers with up to 15 events each, many at the same instants."""
    chance = random.Random(seed)
    zone, as_of = chance.choice(MOMENTS)
    log = [event for customer in [*range(1, 13), 99] for event in _life(chance, as_of, customer)]
    log = [{**event, "id": number} for number, event in enumerate(log)]
    log += chance.sample(log, len(log) // 10)
    chance.shuffle(log)
    return World(
        events=log,
        customers={n: _customer(chance) for n in range(1, 15)},
        products=PRODUCTS,
        custom_names=CUSTOM,
        zone=ZoneInfo(zone),
        as_of=as_of,
    )


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Worlds with two segments: 7 is a random condition, 8 is 7."""
    world = world_of(draw(st.integers(0, 2**32)))
    world.segments = {7: draw(leaves()), 8: {"type": "in_segment", "segment_id": 7}}
    return world


def _life(chance: random.Random, as_of: datetime, customer: int) -> list[dict[str, Any]]:
    """A customer's events: at a few instants, or an edge's length away from one of them."""
    instants = [as_of - _age(chance) for _ in range(3)]
    steps = [timedelta(0), timedelta(0), TICK, -TICK, *EDGES, *(-edge for edge in EDGES[:4])]
    return [
        _event(chance, chance.choice(instants) + chance.choice(steps), customer)
        for _ in range(chance.choice([0, 2, 5, 10, 15]))
    ]


def _event(chance: random.Random, ts: datetime, customer: int) -> dict[str, Any]:
    kind = chance.choice(KINDS)
    is_act = kind < 10 or kind >= 100
    return {
        "ts": ts,
        "customer_id": customer,
        "kind": kind,
        "session_key": chance.choice([None, None, 7, 8]) if is_act else None,
        "order_key": chance.choice([None, None, 7, 8]) if kind in {5, 6} else None,
        "product_id": chance.choice([None, 1, 1, 2, 2, 3, 99]),
        "quantity": chance.choice([None, 1, 1, 2, 3]),
        "value": chance.choice([None, 0, 500, 1000, 1500]),
        "channel": chance.choice([None, 1, 1, 2]),
        "message_id": chance.choice([None, 50, 51, 52]),
        "source_kind": chance.choice([None, 1, 1, 2, 3]),
        "source_id": chance.choice([None, 4, 4, 5]),
        "machine": chance.choice([None, True, False]),
        "properties": _object(chance, "size", "sale"),
    }


def _age(chance: random.Random) -> timedelta:
    exact = chance.choice([timedelta(0), *EDGES])
    match chance.randrange(6):
        case 0:
            return exact
        case 1:
            return exact + chance.choice([TICK, -TICK])
        case 2:
            return exact + chance.choice(EDGES)
        case 3:
            return timedelta(minutes=10 * chance.randrange(60))
        case 4:
            return timedelta(hours=12 * chance.randrange(60))
    return timedelta(minutes=-5) if chance.random() < 0.3 else timedelta(hours=chance.randrange(48))


def _customer(chance: random.Random) -> dict[str, Any]:
    row: dict[str, Any] = {
        "country": chance.choice([None, "DE", "US", "de"]),
        "city": chance.choice([None, "Berlin", "Bern"]),
        "email": chance.choice([None, "a@b.example", "c@d.example", "nope"]),
        "phone": chance.choice([None, "+491701234567", "12"]),
        "push_token": chance.choice([None, "tok", "with blank"]),
        "birthday": chance.choice([None, date(1990, 3, 5), date(2026, 3, 1), date(1988, 2, 29)]),
        "traits": _object(chance, "tier", "since"),
        "is_anonymous": chance.random() < 0.5,
        "created_at": chance.choice(MOMENTS)[1] - _age(chance),
    }
    for channel in ("email", "sms", "push"):
        row[f"{channel}_consent"] = chance.choice([None, 0, 1, 1])
        row[f"{channel}_suppressed"] = chance.random() < 0.3
    return row


def _object(chance: random.Random, *keys: str) -> str | None:
    if chance.random() < 0.2:
        return None
    return json.dumps({key: chance.choice(OPEN_VALUES) for key in keys if chance.random() < 0.7})


def facts_of(world: World) -> Facts:
    """The same world as the engine sees it."""
    rows = [{**e, "event_hi": 1, "event_lo": e["id"]} for e in world.events]
    schema = {k: v for k, v in EVENT_COLUMNS.items() if k not in {"received_at", "currency"}}
    frame = pl.DataFrame(rows, schema_overrides=schema).select(list(schema)) if rows else None
    people = [{"customer_id": n, **row} for n, row in world.customers.items()]
    products = [{"product_id": n, **row} for n, row in world.products.items()]
    return Facts.of(
        pl.DataFrame(schema=schema) if frame is None else frame,
        pl.DataFrame(people, infer_schema_length=None),
        products=pl.DataFrame(products, infer_schema_length=None),
        names=STANDARD | world.custom_names,
        zone=world.zone.key,
    )


# -- rules --------------------------------------------------------------------------------------

ACTS = ["product_viewed", "product_added", "order_completed", "order_refunded", "newsletter"]
COUNTED = ["product.brand", "product.name", "product.price", "properties.size", "properties.sale"]
UNITS = st.sampled_from(["minutes", "hours", "days", "weeks"])
DURATIONS = st.one_of(
    st.sampled_from(
        [
            {"amount": 30, "unit": "minutes"},
            {"amount": 1, "unit": "hours"},
            {"amount": 2, "unit": "hours"},
            {"amount": 1, "unit": "days"},
            {"amount": 2, "unit": "days"},
            {"amount": 1, "unit": "weeks"},
            {"amount": 14, "unit": "days"},
        ]
    ),
    st.fixed_dictionaries({"amount": st.integers(1, 40), "unit": UNITS}),
)
DAYS = st.sampled_from(["2026-02-28", "2026-03-01", "2026-03-02", "2026-03-08", "2026-10-25"])
PERIODS = st.sampled_from(["day", "week", "month", "quarter", "year"])


def _ago(newest: dict[str, Any], oldest: dict[str, Any] | None) -> dict[str, Any]:
    if oldest is None:
        return {"type": "ago", "newest": newest}
    near, far = sorted((newest, oldest), key=_length)
    if _length(near) == _length(far):
        far = {"amount": near["amount"] * 2, "unit": near["unit"]}
    return {"type": "ago", "newest": near, "oldest": far}


def _length(duration: dict[str, Any]) -> timedelta:
    return timedelta(**{duration["unit"]: duration["amount"]})


WINDOWS = st.one_of(
    st.just({"type": "ever"}),
    DURATIONS.map(lambda d: {"type": "last", **d}),
    st.tuples(DAYS, DAYS).map(
        lambda pair: {"type": "between", "since": min(pair), "until": max(pair)}
    ),
    st.tuples(DURATIONS, st.none() | DURATIONS).map(lambda p: _ago(*p)),
    st.tuples(st.sampled_from(["before", "since"]), DAYS).map(
        lambda p: {"type": p[0], "day": p[1]}
    ),
    st.tuples(PERIODS, st.integers(0, 3)).map(
        lambda p: {"type": "calendar", "period": p[0], "back": p[1]}
    ),
)
COUNTS = st.one_of(
    st.fixed_dictionaries(
        {
            "op": st.sampled_from(["at_least", "at_most", "exactly", "more_than", "less_than"]),
            "n": st.integers(0, 3),
        }
    ),
    st.tuples(st.integers(0, 2), st.integers(0, 2)).map(
        lambda p: {"op": "between", "n": min(p), "to": max(p)}
    ),
)
RATIOS = st.fixed_dictionaries(
    {
        "op": st.sampled_from(["at_least", "at_most", "more_than", "less_than"]),
        "ratio": st.sampled_from([0, 0.1, 0.5, 1, 1.5, 2]),
    }
)
TEXTS = st.sampled_from(["gold", "Silver", "DE", "red hat", "Hats", "acme", "10", "er"])
NUMBERS = st.sampled_from([-1, 0, 1, 2, 5, 10, 10.5])
AMOUNTS = st.sampled_from([0, 500, 900, 1000, 1500, 2000])


def _unary(*names: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.sampled_from(names).map(lambda op: {"op": op})


def _with(ops: list[str], values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"op": st.sampled_from(ops), "value": values})


def _range(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    pairs = st.tuples(values, values)
    return pairs.map(lambda p: {"op": "between", "value": [min(p), max(p)]})


PRESENT = _unary("is_set", "is_not_set")
TEXT_TESTS = st.one_of(
    PRESENT,
    _with(["is", "is_not", "contains", "contains_not", "starts_with", "ends_with"], TEXTS),
    _with(["any_of", "none_of"], st.lists(TEXTS, min_size=1, max_size=3)),
)
NUMBER_OPS = ["is", "is_not", "greater", "at_least", "less", "at_most"]
NUMBER_TESTS = st.one_of(
    PRESENT,
    _with(NUMBER_OPS, NUMBERS),
    _with(["any_of", "none_of"], st.lists(NUMBERS, min_size=1, max_size=3)),
    _range(NUMBERS),
)
MONEY_TESTS = st.one_of(
    PRESENT,
    _with(NUMBER_OPS, AMOUNTS),
    _with(["any_of", "none_of"], st.lists(AMOUNTS, min_size=1, max_size=3)),
    _range(AMOUNTS),
)
DAY_TESTS = st.one_of(
    _with(["before", "after"], DAYS),
    _with(["in_last_days", "more_than_days_ago", "in_next_days"], st.integers(0, 400)),
    _with(["anniversary_in_days"], st.integers(0, 40) | st.sampled_from([364, 365])),
    _with(["in_month"], st.sampled_from([2, 3, 10, "current"])),
    _range(DAYS),
)
OPEN_TESTS = st.one_of(TEXT_TESTS, NUMBER_TESTS, DAY_TESTS, _with(["is", "is_not"], st.booleans()))
FLAG_TESTS = st.one_of(PRESENT, _with(["is", "is_not"], st.booleans()))
DATED_TESTS = st.one_of(PRESENT, DAY_TESTS, _with(["is", "is_not"], DAYS))


def _on(fields: list[str], tests: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.tuples(st.sampled_from(fields), tests).map(lambda p: {"field": p[0], **p[1]})


TRAITS = st.one_of(
    _on(["country", "city", "email"], TEXT_TESTS),
    _on(["birthday", "created_at"], DATED_TESTS),
    _on(["is_anonymous"], FLAG_TESTS),
    _on(["traits.tier", "traits.since"], OPEN_TESTS),
)
WHERE = st.just([]) | st.lists(
    st.one_of(
        _on(["product.category", "product.brand", "product.name"], TEXT_TESTS),
        _on(["product.price", "value"], MONEY_TESTS),
        _on(["quantity"], NUMBER_TESTS),
        _on(["properties.size", "properties.sale"], OPEN_TESTS),
    ),
    max_size=2,
)


@st.composite
def acts(draw: st.DrawFn, among: tuple[str, ...] = ("order", "session")) -> dict[str, Any]:
    event = draw(st.sampled_from([*ACTS, *among, *among]))
    return {"event": event, "where": [] if event == "session" else draw(WHERE)}


@st.composite
def did(draw: st.DrawFn) -> dict[str, Any]:
    act = draw(acts())
    metrics = ["count", "distinct_days"]
    if act["event"] != "session":
        metrics += ["value_sum", "value_average", "quantity_sum"]
    if act["event"] not in {"order", "session"}:
        metrics += ["distinct_products", "distinct_values"]
    metric = draw(st.sampled_from(metrics))
    threshold = dict(draw(COUNTS))
    if metric in {"value_sum", "value_average"}:
        threshold = {k: v * 500 if isinstance(v, int) else v for k, v in threshold.items()}
    of = {"of": draw(st.sampled_from(COUNTED))} if metric == "distinct_values" else {}
    return {"type": "did", **act, "metric": metric, **of, **threshold, "window": draw(WINDOWS)}


@st.composite
def occurrences(draw: st.DrawFn) -> dict[str, Any]:
    which = draw(st.sampled_from(["first", "last"]))
    return {"type": "occurrence", "which": which, **draw(acts()), "window": draw(WINDOWS)}


@st.composite
def same_days(draw: st.DrawFn) -> dict[str, Any]:
    together = draw(st.lists(acts(), min_size=1, max_size=2))
    without = draw(st.lists(acts(), min_size=2 - len(together), max_size=2))
    named = {"acts": together, "without": without}
    return {"type": "same_day", **named, **draw(COUNTS), "window": draw(WINDOWS)}


@st.composite
def rfms(draw: st.DrawFn) -> dict[str, Any]:
    scores = st.lists(st.integers(1, 5), max_size=3)
    names = sorted({name for row in RFM_GROUPS for name in row})
    asked = {
        "groups": draw(st.lists(st.sampled_from(names), max_size=4)),
        "recency": draw(st.just([]) | scores),
        "frequency": draw(st.just([]) | scores),
        "monetary": draw(st.just([]) | scores),
    }
    if not any(asked.values()):
        asked["groups"] = ["lost"]
    return {"type": "rfm", **asked, "window": draw(WINDOWS)}


@st.composite
def sequences(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "type": "sequence",
        "first": draw(acts()),
        "then": draw(acts()),
        "followed": draw(st.booleans()),
        "within": draw(st.none() | DURATIONS),
        "window": draw(WINDOWS),
    }


@st.composite
def rates(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "type": "rate",
        "event": draw(st.sampled_from(["order", "checkout_started", "product_added"])),
        "where": draw(WHERE),
        **draw(
            st.just({"per": "session", "per_where": []})
            | WHERE.map(lambda where: {"per": "product_viewed", "per_where": where})
        ),
        "minimum": draw(st.integers(1, 3)),
        "window": draw(WINDOWS),
        **draw(RATIOS),
    }


@st.composite
def trends(draw: st.DrawFn) -> dict[str, Any]:
    act = draw(acts())
    metric = "count" if act["event"] == "session" else draw(st.sampled_from(["count", "value_sum"]))
    least = st.integers(1, 2) if metric == "count" else st.sampled_from([1, 500])
    return {
        "type": "trend",
        **act,
        "metric": metric,
        "minimum": draw(least),
        "length": draw(DURATIONS),
        **draw(RATIOS),
    }


@st.composite
def engagements(draw: st.DrawFn) -> dict[str, Any]:
    sources = [
        *[(None, None), ("campaign", 4), ("automation", 5)],
        *[("campaign", None), ("automation", None), ("single", None)],
    ]
    source = draw(st.sampled_from(sources))
    return {
        "type": "engagement",
        "action": draw(st.sampled_from(["sent", "delivered", "opened", "opened", "clicked"])),
        "channel": draw(st.sampled_from([None, "email", "sms"])),
        "source_kind": source[0],
        "source_id": source[1],
        "window": draw(WINDOWS),
        **draw(COUNTS),
    }


@st.composite
def recencies(draw: st.DrawFn) -> dict[str, Any]:
    op = draw(st.sampled_from(["within", "more_than", "never"]))
    ago = None if op == "never" else draw(DURATIONS)
    return {"type": "recency", **draw(acts()), "op": op, "ago": ago}


def _carts(ages: tuple[dict[str, Any], dict[str, Any]]) -> dict[str, Any]:
    newest, oldest = sorted(ages, key=_length)
    return {"type": "cart", "newest": newest, "oldest": oldest}


CHANNELS = st.sampled_from(["email", "sms", "push"])
FAMILIES: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "did": did(),
    "recency": recencies(),
    "occurrence": occurrences(),
    "same_day": same_days(),
    "rfm": rfms(),
    "sequence": sequences(),
    "cart": st.tuples(DURATIONS, DURATIONS).map(_carts),
    "rate": rates(),
    "trend": trends(),
    "rank": st.tuples(st.sampled_from([0.01, 20, 33.33, 50, 100]), WINDOWS).map(
        lambda p: {"type": "rank", "top_percent": p[0], "window": p[1]}
    ),
    "engagement": engagements(),
    "trait": TRAITS.map(lambda test: {"type": "trait", **test}),
    "reachable": CHANNELS.map(lambda c: {"type": "reachable", "channel": c}),
    "consent": st.tuples(CHANNELS, st.sampled_from(["yes", "no", "unknown"])).map(
        lambda p: {"type": "consent", "channel": p[0], "status": p[1]}
    ),
    "bucket": st.tuples(st.integers(0, 30), st.integers(31, 100)).map(
        lambda p: {"type": "bucket", "salt": "test", "from_percent": p[0], "to_percent": p[1]}
    ),
}


def leaves() -> st.SearchStrategy[dict[str, Any]]:
    """Every kind of condition, but groups and references."""
    return st.one_of(*FAMILIES.values())


def rules() -> st.SearchStrategy[dict[str, Any]]:
    """Rules from the whole language; references go to segments 7 and 8 of the world."""
    references = st.sampled_from([7, 8]).map(lambda n: {"type": "in_segment", "segment_id": n})
    return st.recursive(
        leaves() | references,
        lambda inner: st.tuples(
            st.sampled_from(["all", "any", "none"]), st.lists(inner, min_size=1, max_size=3)
        ).map(lambda p: {"type": p[0], "conditions": p[1]}),
        max_leaves=5,
    )
