"""One row for each kind of condition: inputs and words in the order of the sentence.

A new kind is one function and its line in ``KINDS``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import streamlit as st

from segmind.ui.components.badges import CHANNELS
from segmind.ui.components.rule_builder import acts, inputs
from segmind.ui.components.rule_builder.comparison import comparison
from segmind.ui.components.rule_builder.inputs import Vocabulary
from segmind.ui.components.rule_builder.window import duration, window
from segmind.ui.components.rule_builder.words import COUNTS

Row = Callable[[dict[str, Any], Vocabulary, str], dict[str, Any]]
_RATIOS: Final = ("more_than", "at_least", "less_than", "at_most")
_METRICS: Final = {
    "count": "times",
    "value_sum": "in total value",
    "distinct_days": "different days",
    "distinct_products": "different products",
}


@dataclass(frozen=True, slots=True)
class Kind:
    """How a kind of condition is offered, what a new one says, and its row.

    ``lines``: what stands below the first line (comparisons), if the kind has any.
    """

    offer: str
    icon: str
    new: dict[str, Any]
    row: Row
    has_where: bool = False


def _did(data: dict[str, Any], vocabulary: Vocabulary, key: str) -> dict[str, Any]:
    inputs.word("did:")
    event = acts.event(data["event"], vocabulary, key=key)
    op = inputs.choice("Compared", list(COUNTS), data.get("op", "at_least"), key=f"{key}_op",
                       say=COUNTS.__getitem__, width=108)  # fmt: skip
    metric = st.session_state.get(f"{key}_metric", data.get("metric", "count"))
    made = {"event": event, "op": op, "n": _amount(metric, data.get("n", 1), vocabulary, key)}
    if op == "between":
        inputs.word("and")
        upper = data.get("to") or made["n"]
        made["to"] = _amount(metric, upper, vocabulary, f"{key}_to")
    made["metric"] = inputs.choice(
        "Counted", list(_METRICS), metric, key=f"{key}_metric",
        say=_METRICS.__getitem__, width=140,
    )  # fmt: skip
    made["window"] = window(data.get("window"), key=f"{key}_window")
    return made


def _amount(metric: str, given: int, vocabulary: Vocabulary, key: str) -> int:
    if metric == "value_sum":
        return inputs.money("Amount", given, vocabulary.currency, key=f"{key}_money")
    return inputs.whole("Number", given, key=f"{key}_n")


def _recency(data: dict[str, Any], vocabulary: Vocabulary, key: str) -> dict[str, Any]:
    ops = {"within": "within the last", "more_than": "more than", "never": "never"}
    inputs.word("last")
    event = acts.event(data["event"], vocabulary, key=key)
    op = inputs.choice("When", list(ops), data["op"], key=f"{key}_op", say=ops.__getitem__,
                       width=150)  # fmt: skip
    made: dict[str, Any] = {"event": event, "op": op}
    if op != "never":
        made["ago"] = duration(data.get("ago"), key=f"{key}_ago")
        if op == "more_than":
            inputs.word("ago")
    return made


def _sequence(data: dict[str, Any], vocabulary: Vocabulary, key: str) -> dict[str, Any]:
    first, then = data["first"], data["then"]
    inputs.word("did:")
    one = acts.event(first["event"], vocabulary, key=f"{key}_first")
    when = window(data.get("window"), key=f"{key}_window")
    inputs.word("and then")
    followed = inputs.choice(
        "Followed", [False, True], bool(data.get("followed", True)), key=f"{key}_followed",
        say=lambda each: "did" if each else "did not", width=100,
    )  # fmt: skip
    two = acts.event(
        then["event"], vocabulary, key=f"{key}_then", say=acts.past if followed else acts.base
    )
    inputs.word("within")
    return {
        "first": {**first, "event": one},
        "then": {**then, "event": two},
        "followed": followed,
        "within": duration(data.get("within"), key=f"{key}_within", amount=1),
        "window": when,
    }


def _cart(data: dict[str, Any], _: Vocabulary, key: str) -> dict[str, Any]:
    inputs.word("have items in the cart, the last one added between")
    newest = duration(data.get("newest"), key=f"{key}_newest", amount=1)
    inputs.word("and")
    oldest = duration(data.get("oldest"), key=f"{key}_oldest", amount=7)
    inputs.word("ago, with no order since")
    return {"newest": newest, "oldest": oldest}


def _rate(data: dict[str, Any], vocabulary: Vocabulary, key: str) -> dict[str, Any]:
    inputs.word("whose")
    event = acts.event(data["event"], vocabulary, key=key, say=acts.noun)
    inputs.word("per")
    per = acts.event(data["per"], vocabulary, key=f"{key}_per", say=acts.noun)
    inputs.word("are")
    op, ratio = _ratio(data, key)
    made = {"event": event, "per": per, "op": op, "ratio": ratio}
    made["window"] = window(data.get("window"), key=f"{key}_window")
    inputs.word("with at least")
    made["minimum"] = inputs.whole("Minimum", data.get("minimum", 1), key=f"{key}_min", low=1)
    inputs.word(acts.noun(str(per)))
    return made


def _ratio(data: dict[str, Any], key: str) -> tuple[str, float]:
    op = inputs.choice("Compared", _RATIOS, data["op"], key=f"{key}_op", say=COUNTS.__getitem__,
                       width=108)  # fmt: skip
    ratio = inputs.percent("Per cent", data["ratio"], key=f"{key}_ratio")
    inputs.word("%")
    return str(op), ratio


def _trend(data: dict[str, Any], vocabulary: Vocabulary, key: str) -> dict[str, Any]:
    inputs.word("whose")
    event = acts.event(data["event"], vocabulary, key=key, say=acts.noun)
    inputs.word("in the last")
    length = duration(data.get("length"), key=f"{key}_length")
    inputs.word("are")
    op, ratio = _ratio(data, key)
    inputs.word("of those in as long before, which had at least")
    minimum = inputs.whole("Minimum", data.get("minimum", 1), key=f"{key}_min", low=1)
    metric = data.get("metric", "count")
    return {
        "event": event, "length": length, "op": op, "ratio": ratio, "minimum": minimum,
        "metric": metric,
    }  # fmt: skip


def _rank(data: dict[str, Any], _: Vocabulary, key: str) -> dict[str, Any]:
    inputs.word("are in the top")
    top = inputs.percent("Per cent", data["top_percent"] / 100, key=f"{key}_top")
    inputs.word("% of customers with orders by net revenue")
    return {
        "by": "net_revenue",
        "top_percent": round(top * 100, 2),
        "window": window(data.get("window"), key=f"{key}_window"),
    }


def _trait(data: dict[str, Any], vocabulary: Vocabulary, key: str) -> dict[str, Any]:
    inputs.word("whose")
    return comparison(data, vocabulary, key=key, of_event=False)


def _reachable(data: dict[str, Any], _: Vocabulary, key: str) -> dict[str, Any]:
    inputs.word("can be reached by")
    return {"channel": _channel(data["channel"], key)}


def _consent(data: dict[str, Any], _: Vocabulary, key: str) -> dict[str, Any]:
    inputs.word("whose consent to")
    channel = _channel(data["channel"], key)
    inputs.word("is")
    status = inputs.choice("Consent", ("yes", "no", "unknown"), data["status"],
                           key=f"{key}_status", width=120)  # fmt: skip
    return {"channel": channel, "status": status}


def _channel(given: str, key: str) -> str:
    return str(
        inputs.choice("Channel", list(CHANNELS), given, key=f"{key}_channel",
                      say=lambda each: CHANNELS[each][0], width=120)
    )  # fmt: skip


_ACTIONS: Final = {
    "sent": "were sent", "delivered": "received", "opened": "opened", "clicked": "clicked in",
    "bounced": "had a bounce of", "unsubscribed": "unsubscribed from",
    "complained": "complained about",
}  # fmt: skip


def _engagement(data: dict[str, Any], vocabulary: Vocabulary, key: str) -> dict[str, Any]:
    action = inputs.choice("Did", list(_ACTIONS), data["action"], key=f"{key}_action",
                           say=_ACTIONS.__getitem__, width=150)  # fmt: skip
    op = inputs.choice("Compared", list(COUNTS), data.get("op", "at_least"), key=f"{key}_op",
                       say=COUNTS.__getitem__, width=108)  # fmt: skip
    made: dict[str, Any] = {"action": action, "op": op}
    made["n"] = inputs.whole("Number", data.get("n", 1), key=f"{key}_n")
    if op == "between":
        inputs.word("and")
        made["to"] = inputs.whole("Number", data.get("to") or made["n"], key=f"{key}_to")
    kinds = ["", *CHANNELS]
    channel = inputs.choice(
        "Channel", kinds, data.get("channel") or "", key=f"{key}_channel", width=150,
        say=lambda each: f"{CHANNELS[each][0]} messages" if each else "messages",
    )  # fmt: skip
    if channel:
        made["channel"] = channel
    sources: dict[Any, str] = {"": "of any campaign or automation"}
    sources |= {("campaign", n): f"of {name}" for n, name in vocabulary.campaigns.items()}
    sources |= {("automation", n): f"of {name}" for n, name in vocabulary.automations.items()}
    kind, number = data.get("source_kind"), data.get("source_id")
    source = inputs.choice(
        "Source", list(sources), (kind, number) if kind else "", key=f"{key}_source", width=260,
        say=lambda each: sources.get(each, f"of {each[0]} {each[1]}" if each else ""),
    )  # fmt: skip
    if source:
        made["source_kind"], made["source_id"] = source
    made["window"] = window(data.get("window"), key=f"{key}_window")
    return made


def _in_segment(data: dict[str, Any], vocabulary: Vocabulary, key: str) -> dict[str, Any]:
    inputs.word("are in the segment")
    chosen = inputs.choice(
        "Segment", list(vocabulary.segments), data.get("segment_id"), key=f"{key}_segment",
        say=lambda each: vocabulary.segments.get(each, f"segment {each}"), width=260,
    )  # fmt: skip
    return {"segment_id": chosen}


def _bucket(data: dict[str, Any], _: Vocabulary, key: str) -> dict[str, Any]:
    inputs.word("are in the random share from")
    low = inputs.percent("From", data.get("from_percent", 0) / 100, key=f"{key}_low")
    inputs.word("to")
    high = inputs.percent("To", data["to_percent"] / 100, key=f"{key}_high")
    inputs.word("% of")
    salt = inputs.text("Name of the draw", data.get("salt", "segment"), (), key=f"{key}_salt")
    return {
        "salt": salt,
        "from_percent": round(low * 100, 2),
        "to_percent": round(high * 100, 2),
    }


_MONTH: Final = {"type": "last", "amount": 30, "unit": "days"}
KINDS: Final[dict[str, Kind]] = {
    "did": Kind("Did something, so often", "touch_app",
                {"event": "product_viewed", "op": "at_least", "n": 1, "metric": "count",
                 "window": _MONTH}, _did, has_where=True),
    "recency": Kind("Did something last, so long ago", "history",
                    {"event": "order", "op": "within", "ago": {"amount": 30, "unit": "days"}},
                    _recency, has_where=True),
    "sequence": Kind("Did one thing and then (not) another", "route",
                     {"first": {"event": "checkout_started"}, "then": {"event": "order"},
                      "followed": False, "within": {"amount": 1, "unit": "days"},
                      "window": _MONTH}, _sequence),
    "cart": Kind("Left items in the cart", "shopping_cart",
                 {"newest": {"amount": 1, "unit": "hours"},
                  "oldest": {"amount": 7, "unit": "days"}}, _cart),
    "rate": Kind("Converts at a rate", "percent",
                 {"event": "order", "per": "session", "op": "more_than", "ratio": 0.1,
                  "minimum": 3, "window": {"type": "last", "amount": 90, "unit": "days"}}, _rate),
    "trend": Kind("Does it more or less than before", "trending_down",
                  {"event": "session", "op": "at_most", "ratio": 0.5, "minimum": 2,
                   "length": {"amount": 30, "unit": "days"}}, _trend, has_where=True),
    "rank": Kind("Is among the best by revenue", "workspace_premium",
                 {"by": "net_revenue", "top_percent": 20.0,
                  "window": {"type": "last", "amount": 365, "unit": "days"}}, _rank),
    "trait": Kind("Is: country, language, a trait", "badge",
                  {"field": "country", "op": "is", "value": ""}, _trait),
    "engagement": Kind("Got, opened or clicked messages", "mark_email_read",
                       {"action": "clicked", "op": "at_least", "n": 1, "window": _MONTH},
                       _engagement),
    "reachable": Kind("Can be reached on a channel", "contact_mail",
                      {"channel": "email"}, _reachable),
    "consent": Kind("Said yes or no to a channel", "how_to_reg",
                    {"channel": "email", "status": "yes"}, _consent),
    "in_segment": Kind("Is in another segment", "filter_alt", {}, _in_segment),
    "bucket": Kind("Is in a random share", "casino",
                   {"salt": "segment", "from_percent": 0.0, "to_percent": 50.0}, _bucket),
}  # fmt: skip
