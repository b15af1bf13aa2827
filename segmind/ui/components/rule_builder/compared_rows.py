"""Rows of conditions that compare: acts with each other, a stretch with another, all customers."""

from __future__ import annotations

from typing import Any, Final

from segmind.predictions.model import HORIZON
from segmind.segments import rfm as groups
from segmind.segments.acts import SESSION
from segmind.ui.components.rule_builder import acts, inputs
from segmind.ui.components.rule_builder.inputs import Vocabulary
from segmind.ui.components.rule_builder.window import duration, window
from segmind.ui.components.rule_builder.words import COUNTS

_RATIOS: Final = ("more_than", "at_least", "less_than", "at_most")
_METRICS: Final = {"count": "number", "value_sum": "total value"}
_PREDICTED: Final = {
    "predicted_orders": "expected orders",
    "predicted_value": "expected revenue",
    "probability_alive": "probability of still being a customer",
}


def rate(data: dict[str, Any], vocabulary: Vocabulary, key: str) -> dict[str, Any]:
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


def of_rate(data: dict[str, Any], vocabulary: Vocabulary, key: str) -> dict[str, Any]:
    one, other = acts.noun(data["event"]), acts.noun(data["per"])
    return {
        "where": acts.where(data, vocabulary, key=key, what=f"{one} "),
        "per_where": acts.where(
            data, vocabulary, key=f"{key}_per", name="per_where", of="per", what=f"{other} "
        ),
    }


def _ratio(data: dict[str, Any], key: str) -> tuple[str, float]:
    op = inputs.choice("Compared", _RATIOS, data["op"], key=f"{key}_op", say=COUNTS.__getitem__,
                       width=108)  # fmt: skip
    ratio = inputs.percent("Per cent", data["ratio"], key=f"{key}_ratio")
    inputs.word("%")
    return str(op), ratio


def trend(data: dict[str, Any], vocabulary: Vocabulary, key: str) -> dict[str, Any]:
    inputs.word("whose")
    event = acts.event(data["event"], vocabulary, key=key, say=acts.noun)
    offered = ["count"] if event == SESSION else list(_METRICS)
    metric = data.get("metric", "count")
    metric = inputs.choice(
        "Counted", offered, metric if metric in offered else "count", key=f"{key}_metric",
        say=lambda each: f"by {_METRICS[each]}", width=130,
    )  # fmt: skip
    inputs.word("in the last")
    length = duration(data.get("length"), key=f"{key}_length", low=1)
    inputs.word("are")
    op, ratio = _ratio(data, key)
    inputs.word("of those in as long before, which had at least")
    minimum = data.get("minimum", 1)
    if metric == "value_sum":
        amount = inputs.money("Minimum", minimum, vocabulary.currency, key=f"{key}_min_money")
        minimum = max(1, amount)
    else:
        minimum = inputs.whole("Minimum", minimum, key=f"{key}_min", low=1)
    return {
        "event": event, "length": length, "op": op, "ratio": ratio, "minimum": minimum,
        "metric": metric,
    }  # fmt: skip


def rank(data: dict[str, Any], _: Vocabulary, key: str) -> dict[str, Any]:
    inputs.word("are in the top")
    top = inputs.percent("Per cent", data["top_percent"] / 100, key=f"{key}_top")
    inputs.word("% of customers with orders by net revenue")
    return {
        "by": "net_revenue",
        "top_percent": round(top * 100, 2),
        "window": window(data.get("window"), key=f"{key}_window"),
    }


def rfm(data: dict[str, Any], _: Vocabulary, key: str) -> dict[str, Any]:
    inputs.word("are in the RFM groups")
    made: dict[str, Any] = {
        "groups": inputs.several(
            "any group", [group.key for group in groups.GROUPS], list(data.get("groups") or ()),
            key=f"{key}_groups", say=lambda each: groups.BY_KEY[each].name, width=320,
        )
    }  # fmt: skip
    made["window"] = window(data.get("window"), key=f"{key}_window")
    for name, word in (
        ("recency", "with a recency score of"),
        ("frequency", "a frequency score of"),
        ("monetary", "and a monetary score of"),
    ):
        inputs.word(word)
        made[name] = inputs.several(
            "any", list(range(1, groups.FIFTHS + 1)), list(data.get(name) or ()),
            key=f"{key}_{name}", width=150,
        )  # fmt: skip
    return made


def predicted(data: dict[str, Any], vocabulary: Vocabulary, key: str) -> dict[str, Any]:
    inputs.word("whose")
    what = inputs.choice(
        "Expected", list(_PREDICTED), data["what"], key=f"{key}_what", say=_PREDICTED.__getitem__,
        width=290,
    )  # fmt: skip
    inputs.word("is")
    op = inputs.choice(
        "Compared", _RATIOS, data["op"], key=f"{key}_op", say=COUNTS.__getitem__, width=108
    )
    n, made = float(data["n"]), {"what": what, "op": op}
    if what == "probability_alive":
        share = inputs.percent("Per cent", min(n, 1.0), key=f"{key}_share")
        inputs.word("%")
        return {**made, "n": min(share, 1.0), "days": None}
    if what == "predicted_value":
        amount = inputs.money("Amount", int(n), vocabulary.currency, key=f"{key}_amount")
        made["n"] = float(max(0, amount))
    else:
        made["n"] = inputs.decimal("Orders", n, key=f"{key}_n")
    inputs.word("in the next")
    days = inputs.whole("Days", data.get("days") or HORIZON, key=f"{key}_days", low=1, high=730)
    inputs.word("days")
    return {**made, "days": days}
