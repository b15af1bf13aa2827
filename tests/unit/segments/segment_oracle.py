"""A second, naive answer to every rule: plain Python over events as dicts.

Written from the definitions, not from the engine: it reads a rule's JSON, loops over everything and
knows no frames. Slow and simple on purpose.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from scipy.special import hyp2f1

STANDARD = {
    "product_viewed": 1,
    "product_added": 2,
    "product_removed": 3,
    "checkout_started": 4,
    "order_completed": 5,
    "order_refunded": 6,
    "page_viewed": 7,
}
MESSAGE_KINDS = {
    "sent": 10,
    "delivered": 11,
    "bounced": 12,
    "opened": 13,
    "clicked": 14,
    "unsubscribed": 15,
    "complained": 16,
}
CHANNELS = {"email": 1, "sms": 2, "push": 3}
ADDRESSES = {"email": "email", "sms": "phone", "push": "push_token"}
VALID = {
    "email": re.compile(r"[a-z0-9.]+@[a-z0-9.]+\.[a-z]{2,}"),
    "sms": re.compile(r"\+[1-9][0-9]{6,14}"),
    "push": re.compile(r"[!-~]+"),
}
#: By R from 1 to 5, in each by F from 1 to 5.
RFM_GROUPS = [
    ["lost", "hibernating", "at_risk", "at_risk", "cannot_lose"],
    ["hibernating", "hibernating", "at_risk", "at_risk", "cannot_lose"],
    ["about_to_sleep", "about_to_sleep", "need_attention", "loyal", "loyal"],
    ["promising", "potential_loyalists", "potential_loyalists", "loyal", "loyal"],
    ["new_customers", "potential_loyalists", "potential_loyalists", "champions", "champions"],
]


@dataclass
class World:
    """Everything that there is to ask about."""

    events: list[dict[str, Any]]
    customers: dict[int, dict[str, Any]]
    products: dict[int, dict[str, Any]]
    custom_names: dict[str, int]
    zone: ZoneInfo
    as_of: datetime
    segments: dict[int, dict[str, Any]] = field(default_factory=dict)
    model: dict[str, float] | None = None  # parameters of predictions

    def __post_init__(self) -> None:
        once = {e["id"]: e for e in reversed(self.events)}
        self.known = sorted(
            (e for e in once.values() if e["ts"] <= self.as_of), key=lambda e: (e["ts"], e["id"])
        )

    def members(self, rule: dict[str, Any]) -> set[int]:
        return set() if self.is_unknown else {c for c in self.customers if self.meets(rule, c)}

    @property
    def is_unknown(self) -> bool:
        """The moment lies before the log."""
        return bool(self.events) and not self.known

    # -- groups ---------------------------------------------------------------------------------

    def meets(self, rule: dict[str, Any], customer: int) -> bool:
        match rule["type"]:
            case "all":
                return all(self.meets(r, customer) for r in rule["conditions"])
            case "any":
                return any(self.meets(r, customer) for r in rule["conditions"])
            case "none":
                return not any(self.meets(r, customer) for r in rule["conditions"])
            case "in_segment":
                return self.meets(self.segments[rule["segment_id"]], customer)
        return bool(getattr(self, f"_{rule['type']}")(rule, customer))

    # -- the customer -----------------------------------------------------------------------------

    def _trait(self, rule: dict[str, Any], customer: int) -> bool:
        row, name = self.customers[customer], rule["field"]
        if name.startswith("traits."):
            value = json.loads(row["traits"] or "{}").get(name.removeprefix("traits."))
            return self._open_test(rule, value)
        return self._typed_test(rule, row[name])

    def _reachable(self, rule: dict[str, Any], customer: int) -> bool:
        row, channel = self.customers[customer], rule["channel"]
        address = row[ADDRESSES[channel]]
        return (
            address is not None
            and VALID[channel].fullmatch(address) is not None
            and row[f"{channel}_consent"] == 1
            and not row[f"{channel}_suppressed"]
        )

    def _consent(self, rule: dict[str, Any], customer: int) -> bool:
        said = {1: "yes", 0: "no", None: "unknown"}
        return said[self.customers[customer][f"{rule['channel']}_consent"]] == rule["status"]

    def _bucket(self, rule: dict[str, Any], customer: int) -> bool:
        seed = int.from_bytes(hashlib.blake2b(rule["salt"].encode(), digest_size=8).digest(), "big")
        z = (customer + seed + 0x9E3779B97F4A7C15) % 2**64
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
        bucket = (z ^ (z >> 31)) % 10_000
        return round(rule["from_percent"] * 100) <= bucket < round(rule["to_percent"] * 100)

    # -- what they did ----------------------------------------------------------------------------

    def _did(self, rule: dict[str, Any], customer: int) -> bool:
        rows = self.occurrences(rule, customer, *self.span(rule["window"]))
        n: int | Fraction
        match rule["metric"]:
            case "count":
                n = len(rows)
            case "value_sum":
                n = sum(r["value"] or 0 for r in rows)
            case "quantity_sum":
                n = sum(r["quantity"] or 0 for r in rows)
            case "value_average":
                if not rows:
                    return False
                n = Fraction(sum(r["value"] or 0 for r in rows), len(rows))
            case "distinct_days":
                n = len({self.day(r["ts"]) for r in rows})
            case "distinct_products":
                n = len({r["product_id"] for r in rows if r["product_id"] is not None})
            case "distinct_values":
                n = len({self._value(rule["of"], r) for r in rows} - {None})
        return self._count_passes(rule, n)

    def _value(self, name: str, row: dict[str, Any]) -> Any:
        if name.startswith("product."):
            return self.products.get(row["product_id"], {}).get(name.removeprefix("product."))
        value = json.loads(row["properties"] or "{}").get(name.removeprefix("properties."))
        return value if value is None or isinstance(value, str) else json.dumps(value)

    def _occurrence(self, rule: dict[str, Any], customer: int) -> bool:
        ever = self.occurrences({"event": rule["event"]}, customer, None, self.horizon)
        if not ever:
            return False
        pick = min if rule["which"] == "first" else max
        instant = pick(r["ts"] for r in ever)
        since, until = self.span(rule["window"])
        such = self.occurrences(rule, customer, since, until)
        return any(r["ts"] == instant for r in such)

    def _same_day(self, rule: dict[str, Any], customer: int) -> bool:
        window = self.span(rule["window"])

        def days(act: dict[str, Any]) -> set[date]:
            return {self.day(r["ts"]) for r in self.occurrences(act, customer, *window)}

        shared = set.intersection(*(days(act) for act in rule["acts"]))
        return self._count_passes(rule, len(shared - set().union(*map(days, rule["without"]))))

    def _rfm(self, rule: dict[str, Any], customer: int) -> bool:
        window = self.span(rule["window"])
        figures: dict[int, tuple[datetime, int, int]] = {}
        for one in self.customers:
            orders = self.occurrences({"event": "order"}, one, *window)
            if orders:
                figures[one] = (
                    max(r["ts"] for r in orders), len(orders), self._net(one, *window)
                )  # fmt: skip
        if customer not in figures:
            return False
        r, f, m = (
            1 + 5 * sum(other[n] < figures[customer][n] for other in figures.values())
            // len(figures)
            for n in range(3)
        )  # fmt: skip
        return (
            (not rule["groups"] or RFM_GROUPS[r - 1][f - 1] in rule["groups"])
            and (not rule["recency"] or r in rule["recency"])
            and (not rule["frequency"] or f in rule["frequency"])
            and (not rule["monetary"] or m in rule["monetary"])
        )

    def _predicted(self, rule: dict[str, Any], customer: int) -> bool:
        orders = self.occurrences({"event": "order"}, customer, None, self.horizon)
        if not orders or self.model is None:
            return False
        days = sorted({self.day(r["ts"]) for r in orders})
        x, first = len(days) - 1, days[0]
        t_x, age = (days[-1] - first).days, (self.day(self.as_of) - first).days
        value = self._expectation(rule, x, t_x, age)
        if rule["what"] == "predicted_value":
            p, q, gamma = (self.model[name] for name in ("p", "q", "gamma"))
            spent = max(0, self._net(customer, None, self.horizon))
            value = round(value * p * (gamma + spent) / (p * len(days) + q - 1))
        n = rule["n"]
        ops = {"at_least": value >= n, "at_most": value <= n, "more_than": value > n}
        return ops.get(rule["op"], value < n)

    def _expectation(self, rule: dict[str, Any], x: int, t_x: int, age: int) -> float:
        """Equations 8 and 10 of Fader, Hardie and Lee (2005), as they are printed."""
        r, alpha, a, b = (self.model[name] for name in ("r", "alpha", "a", "b"))
        death = a / (b + x - 1) * ((alpha + age) / (alpha + t_x)) ** (r + x) if x else 0
        if rule["what"] == "probability_alive":
            return 1 / (1 + death)
        t = rule["days"] or 90
        series = hyp2f1(r + x, b + x, a + b + x - 1, t / (alpha + age + t))
        shrunk = 1 - ((alpha + age) / (alpha + age + t)) ** (r + x) * series
        return float((a + b + x - 1) / (a - 1) * shrunk / (1 + death))

    def _net(self, customer: int, since: datetime | None, until: datetime) -> int:
        lines = self.occurrences({"event": "order_completed"}, customer, since, until)
        refunds = self.occurrences({"event": "order_refunded"}, customer, since, until)
        return sum(r["value"] or 0 for r in lines) - sum(r["value"] or 0 for r in refunds)

    def _recency(self, rule: dict[str, Any], customer: int) -> bool:
        rows = self.occurrences(rule, customer, None, self.horizon)
        if rule["op"] == "never":
            return not rows
        if not rows:
            return False
        age = self.as_of - max(r["ts"] for r in rows)
        limit = self.length(rule["ago"])
        return age <= limit if rule["op"] == "within" else age > limit

    def _sequence(self, rule: dict[str, Any], customer: int) -> bool:
        firsts = self.occurrences(rule["first"], customer, *self.span(rule["window"]))
        thens = self.occurrences(rule["then"], customer, None, self.horizon)
        within = self.length(rule["within"]) if rule["within"] else None
        for first in firsts:
            end = self.as_of if within is None else first["ts"] + within
            came = any(first["ts"] < then["ts"] <= end for then in thens)
            if rule["followed"] and came:
                return True
            if not rule["followed"] and not came and (within is None or end <= self.as_of):
                return True
        return False

    def _cart(self, rule: dict[str, Any], customer: int) -> bool:
        mine = [e for e in self.known if e["customer_id"] == customer]
        bought = [e["ts"] for e in mine if e["kind"] == 5]
        since = [e for e in mine if not bought or e["ts"] > max(bought)]
        added = [e for e in since if e["kind"] == 2]
        removed = [e for e in since if e["kind"] == 3]

        def items(rows: list[dict[str, Any]]) -> int:
            return sum(1 if e["quantity"] is None else e["quantity"] for e in rows)

        if items(added) - items(removed) <= 0 or not added:
            return False
        age = self.as_of - max(e["ts"] for e in added)
        return self.length(rule["newest"]) <= age <= self.length(rule["oldest"])

    def _rate(self, rule: dict[str, Any], customer: int) -> bool:
        since, until = self.span(rule["window"])
        one = {"event": rule["event"], "where": rule["where"]}
        other = {"event": rule["per"], "where": rule["per_where"]}
        part = len(self.occurrences(one, customer, since, until))
        whole = len(self.occurrences(other, customer, since, until))
        return whole >= rule["minimum"] and self._ratio_passes(rule, part, whole)

    def _trend(self, rule: dict[str, Any], customer: int) -> bool:
        length = self.length(rule["length"])
        middle = self.as_of - length
        now = self.occurrences(rule, customer, middle, self.horizon)
        before = self.occurrences(rule, customer, middle - length, middle)
        if rule["metric"] == "count":
            a, b = len(now), len(before)
        else:
            a, b = (sum(r["value"] or 0 for r in rows) for rows in (now, before))
        return b >= rule["minimum"] and self._ratio_passes(rule, a, b)

    def _rank(self, rule: dict[str, Any], customer: int) -> bool:
        since, until = self.span(rule["window"])
        net: dict[int, int] = {}
        for one in self.customers:
            if not self.occurrences({"event": "order"}, one, since, until):
                continue
            net[one] = self._net(one, since, until)
        if customer not in net:
            return False
        ahead = sum(value > net[customer] for value in net.values())
        return ahead < Fraction(str(rule["top_percent"])) / 100 * len(net)

    def _engagement(self, rule: dict[str, Any], customer: int) -> bool:
        since, until = self.span(rule["window"])
        rows = [
            e
            for e in self.known
            if e["customer_id"] == customer
            and e["kind"] == MESSAGE_KINDS[rule["action"]]
            and not e["machine"]
            and self.inside(e["ts"], since, until)
            and (rule["channel"] is None or e["channel"] == CHANNELS[rule["channel"]])
        ]
        if rule["source_kind"] is not None:
            kind = {"campaign": 1, "automation": 2, "single": 3}[rule["source_kind"]]
            rows = [e for e in rows if e["source_kind"] == kind]
        if rule["source_id"] is not None:
            rows = [e for e in rows if e["source_id"] == rule["source_id"]]
        nameless = sum(e["message_id"] is None for e in rows)
        named = {e["message_id"] for e in rows if e["message_id"] is not None}
        return self._count_passes(rule, nameless + len(named))

    # -- occurrences ------------------------------------------------------------------------------

    def occurrences(
        self, act: dict[str, Any], customer: int, since: datetime | None, until: datetime
    ) -> list[dict[str, Any]]:
        mine = [e for e in self.known if e["customer_id"] == customer and e["ts"] < until]
        where = act.get("where") or []
        if act["event"] == "session":
            found = [{"ts": ts, "value": 0} for ts in self._session_starts(mine)]
        elif act["event"] == "order":
            found = self._orders(mine, where)
        else:
            code = (STANDARD | self.custom_names)[act["event"]]
            found = [
                e for e in mine if e["kind"] == code and all(self._of_event(t, e) for t in where)
            ]
        return [r for r in found if self.inside(r["ts"], since, until)]

    def _session_starts(self, mine: list[dict[str, Any]]) -> list[datetime]:
        acts = [e for e in mine if e["kind"] < 10 or e["kind"] >= 100]
        keyed: dict[int, datetime] = {}
        for e in acts:
            if e["session_key"] is not None:
                keyed.setdefault(e["session_key"], e["ts"])
        starts = list(keyed.values())
        loose = [e["ts"] for e in acts if e["session_key"] is None]
        for n, ts in enumerate(loose):
            if n == 0 or ts - loose[n - 1] > timedelta(minutes=30):
                starts.append(ts)
        return starts

    def _orders(
        self, mine: list[dict[str, Any]], where: list[dict[str, Any]]
    ) -> list[dict[str, Any]]:
        orders: dict[Any, list[dict[str, Any]]] = defaultdict(list)
        for e in mine:
            if e["kind"] == 5:
                if e["order_key"] is not None:
                    key = ("order", e["order_key"])
                elif e["session_key"] is not None:
                    key = ("session", e["session_key"])
                else:
                    key = ("line", e["id"])
                orders[key].append(e)
        of_order = [t for t in where if t["field"] in {"value", "quantity"}]
        of_line = [t for t in where if t not in of_order]
        found = []
        for lines in orders.values():
            total = {
                "ts": min(e["ts"] for e in lines),
                "value": sum(e["value"] or 0 for e in lines),
                "quantity": sum(e["quantity"] or 0 for e in lines),
            }
            # One line must satisfy each comparison and all of them together.
            if of_line and not any(all(self._of_event(t, e) for t in of_line) for e in lines):
                continue
            if all(self._of_event(t, total) for t in of_order):
                found.append(total)
        return found

    def _of_event(self, test: dict[str, Any], row: dict[str, Any]) -> bool:
        name = test["field"]
        if name.startswith("properties."):
            properties = json.loads(row["properties"] or "{}")
            return self._open_test(test, properties.get(name.removeprefix("properties.")))
        if name.startswith("product."):
            product = self.products.get(row["product_id"], {})
            return self._typed_test(test, product.get(name.removeprefix("product.")))
        return self._typed_test(test, row[name])

    # -- comparisons ------------------------------------------------------------------------------

    def _typed_test(self, test: dict[str, Any], value: Any) -> bool:
        if isinstance(value, datetime):
            value = self.day(value)
        if isinstance(value, date):
            value = value.isoformat()
        return self._test(test["op"], test["value"], value, value, value)

    def _open_test(self, test: dict[str, Any], value: Any) -> bool:
        """A value out of JSON, taken as the text, number or day that the operand asks for."""
        text = number = None
        if isinstance(value, bool):
            text = "true" if value else "false"
        elif isinstance(value, str):
            text = value
            if re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", value):
                number = float(value)
        elif value is not None:
            text, number = json.dumps(value), float(value)
        day = text[:10] if text and re.match(r"\d{4}-\d{2}-\d{2}", text) else None
        return self._test(test["op"], test["value"], text, number, day)

    def _test(self, op: str, operand: Any, text: Any, number: Any, day: Any) -> bool:
        match op:
            case "is":
                return self._same(operand, text, number)
            case "is_not":
                return not self._same(operand, text, number)
            case "any_of":
                return any(self._same(o, text, number) for o in operand)
            case "none_of":
                return not any(self._same(o, text, number) for o in operand)
            case "contains":
                return text is not None and operand.lower() in text.lower()
            case "contains_not":
                return text is None or operand.lower() not in text.lower()
            case "starts_with":
                return text is not None and text.lower().startswith(operand.lower())
            case "ends_with":
                return text is not None and text.lower().endswith(operand.lower())
            case "greater":
                return number is not None and number > operand
            case "at_least":
                return number is not None and number >= operand
            case "less":
                return number is not None and number < operand
            case "at_most":
                return number is not None and number <= operand
            case "between":
                value = day if isinstance(operand[0], str) else number
                return value is not None and operand[0] <= value <= operand[1]
            case "before":
                return day is not None and day < operand
            case "after":
                return day is not None and day > operand
            case "in_last_days":
                today = self.day(self.as_of)
                first = (today - timedelta(days=operand)).isoformat()
                return day is not None and first <= day <= today.isoformat()
            case "more_than_days_ago":
                first = (self.day(self.as_of) - timedelta(days=operand)).isoformat()
                return day is not None and day < first
            case "in_next_days":
                today = self.day(self.as_of)
                last = (today + timedelta(days=operand)).isoformat()
                return day is not None and today.isoformat() <= day <= last
            case "anniversary_in_days":
                return day is not None and self._comes_round(day[5:], operand)
            case "in_month":
                month = self.day(self.as_of).month if operand == "current" else operand
                return day is not None and int(day[5:7]) == month
            case "is_set":
                return text is not None
            case "is_not_set":
                return text is None
        raise AssertionError(op)

    def _comes_round(self, month_day: str, days: int) -> bool:
        for n in range(days + 1):
            ahead = self.day(self.as_of) + timedelta(days=n)
            try:
                festive = date.fromisoformat(f"{ahead.year}-{month_day}")
            except ValueError:
                festive = date(ahead.year, 2, 28) if month_day == "02-29" else date.max
            if festive == ahead:
                return True
        return False

    def _same(self, operand: Any, text: Any, number: Any) -> bool:
        if isinstance(operand, bool):
            return text == operand or text == ("true" if operand else "false")
        if isinstance(operand, int | float):
            return number is not None and number == operand
        return bool(text == operand)

    #  thresholds, time ---------------------------------------------------------------------------

    def _count_passes(self, rule: dict[str, Any], n: int | Fraction) -> bool:
        return {
            "at_least": n >= rule["n"],
            "at_most": n <= rule["n"],
            "exactly": n == rule["n"],
            "more_than": n > rule["n"],
            "less_than": n < rule["n"],
            "between": rule["to"] is not None and rule["n"] <= n <= rule["to"],
        }[rule["op"]]

    def _ratio_passes(self, rule: dict[str, Any], part: int, whole: int) -> bool:
        ratio, limit = Fraction(part, whole), Fraction(str(rule["ratio"]))
        return {
            "at_least": ratio >= limit,
            "at_most": ratio <= limit,
            "more_than": ratio > limit,
            "less_than": ratio < limit,
        }[rule["op"]]

    @property
    def horizon(self) -> datetime:
        return self.as_of + timedelta(microseconds=1)

    def inside(self, ts: datetime, since: datetime | None, until: datetime) -> bool:
        return (since is None or ts >= since) and ts < until

    def span(self, window: dict[str, Any]) -> tuple[datetime | None, datetime]:
        match window["type"]:
            case "ever":
                return None, self.horizon
            case "last":
                return self.as_of - self.length(window), self.horizon
            case "ago":
                oldest = window["oldest"]
                since = self.as_of - self.length(oldest) if oldest else None
                return since, self.as_of - self.length(window["newest"])
            case "before":
                end = self._midnight(date.fromisoformat(window["day"]))
                return None, min(end, self.horizon)
            case "since":
                return self._midnight(date.fromisoformat(window["day"])), self.horizon
            case "calendar":
                return self._calendar(window["period"], window["back"])
        first = self._midnight(date.fromisoformat(window["since"]))
        after = self._midnight(date.fromisoformat(window["until"]) + timedelta(days=1))
        return first, min(after, self.horizon)

    def _calendar(self, period: str, back: int) -> tuple[datetime, datetime]:
        """Walks back day by day, counting where periods begin."""

        def begins(day: date) -> bool:
            return {
                "day": True,
                "week": day.isoweekday() == 1,
                "month": day.day == 1,
                "quarter": day.day == 1 and day.month in {1, 4, 7, 10},
                "year": (day.month, day.day) == (1, 1),
            }[period]

        first = self.day(self.as_of)
        while not begins(first):
            first -= timedelta(days=1)
        for _ in range(back):
            first -= timedelta(days=1)
            while not begins(first):
                first -= timedelta(days=1)
        after = first + timedelta(days=1)
        while not begins(after):
            after += timedelta(days=1)
        return self._midnight(first), min(self._midnight(after), self.horizon)

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time(), tzinfo=self.zone).astimezone(UTC)

    def length(self, duration: dict[str, Any]) -> timedelta:
        return timedelta(**{duration["unit"]: duration["amount"]})

    def day(self, ts: datetime) -> date:
        return ts.astimezone(self.zone).date()
