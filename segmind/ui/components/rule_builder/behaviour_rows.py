"""Rows of conditions on what a customer did: inputs and words in the order of the sentence."""

from __future__ import annotations

from typing import Any, Final

import streamlit as st

from segmind.segments.acts import ORDER, SESSION
from segmind.segments.conditions.behaviour import OF_VALUE
from segmind.ui.components.rule_builder import acts, inputs
from segmind.ui.components.rule_builder.inputs import Vocabulary
from segmind.ui.components.rule_builder.tree import fresh_id
from segmind.ui.components.rule_builder.window import duration, window
from segmind.ui.components.rule_builder.words import COUNTS

_METRICS: Final = {
    "count": "times",
    "value_sum": "in total value",
    "value_average": "in value each, on average",
    "quantity_sum": "items",
    "distinct_days": "different days",
    "distinct_products": "different products",
    "distinct_values": "different values of",
}
#: Metrics that make no sense of what is derived.
_NOT_OF: Final = {
    ORDER: {"distinct_products", "distinct_values"},
    SESSION: {"value_sum", "value_average", "quantity_sum", "distinct_products",
              "distinct_values"},
}  # fmt: skip


def did(data: dict[str, Any], vocabulary: Vocabulary, key: str) -> dict[str, Any]:
    inputs.word("did:")
    event = acts.event(data["event"], vocabulary, key=key)
    offered = [name for name in _METRICS if name not in _NOT_OF.get(event, set())]
    metric = st.session_state.get(f"{key}_metric", data.get("metric", "count"))
    metric = metric if metric in offered else "count"
    made = {"event": event, **threshold(data, vocabulary, key, in_money=metric in OF_VALUE)}
    made["metric"] = inputs.choice(
        "Counted", offered, metric, key=f"{key}_metric", say=_METRICS.__getitem__, width=160
    )
    if made["metric"] == "distinct_values":
        names = [name for name in vocabulary.event_fields() if name not in {"value", "quantity"}]
        made["of"] = inputs.field_choice("Of", names, data.get("of") or names[0], key=f"{key}_of")
    made["window"] = window(data.get("window"), key=f"{key}_window")
    return made


def threshold(
    data: dict[str, Any], vocabulary: Vocabulary, key: str, *, in_money: bool = False
) -> dict[str, Any]:
    """How many are enough: ``at least 3``, ``between 2 and 5``."""
    op = inputs.choice("Compared", list(COUNTS), data.get("op", "at_least"), key=f"{key}_op",
                       say=COUNTS.__getitem__, width=108)  # fmt: skip
    made = {"op": op, "n": _amount(in_money, data.get("n", 1), vocabulary, key)}
    if op == "between":
        inputs.word("and")
        upper = max(data.get("to") or made["n"], made["n"])
        made["to"] = _amount(in_money, upper, vocabulary, f"{key}_to")
    return made


def _amount(in_money: bool, given: int, vocabulary: Vocabulary, key: str) -> int:
    if in_money:
        return inputs.money("Amount", given, vocabulary.currency, key=f"{key}_money")
    return inputs.whole("Number", given, key=f"{key}_n")


def recency(data: dict[str, Any], vocabulary: Vocabulary, key: str) -> dict[str, Any]:
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


def occurrence(data: dict[str, Any], vocabulary: Vocabulary, key: str) -> dict[str, Any]:
    which = inputs.choice("Which", ("first", "last"), data["which"], key=f"{key}_which", width=90)
    event = acts.event(data["event"], vocabulary, key=key)
    when = window(data.get("window"), key=f"{key}_window")
    return {"which": which, "event": event, "window": when}


def sequence(data: dict[str, Any], vocabulary: Vocabulary, key: str) -> dict[str, Any]:
    first, then = data["first"], data["then"]
    inputs.word("did:")
    first["event"] = acts.event(first["event"], vocabulary, key=f"{key}_first")
    when = window(data.get("window"), key=f"{key}_window")
    inputs.word("and then")
    followed = inputs.choice(
        "Followed", [False, True], bool(data.get("followed", True)), key=f"{key}_followed",
        say=lambda each: "did" if each else "did not", width=100,
    )  # fmt: skip
    say = acts.past if followed else acts.base
    then["event"] = acts.event(then["event"], vocabulary, key=f"{key}_then", say=say)
    limits = {True: "within", False: "at any time after"}
    limited = inputs.choice(
        "Limit", list(limits), data.get("within") is not None, key=f"{key}_limited",
        say=limits.__getitem__, width=140,
    )  # fmt: skip
    within = duration(data.get("within"), key=f"{key}_within", amount=1) if limited else None
    return {"first": first, "then": then, "followed": followed, "within": within, "window": when}


def of_sequence(data: dict[str, Any], vocabulary: Vocabulary, key: str) -> dict[str, Any]:
    for name, what in (("first", "the first: "), ("then", "the second: ")):
        acts.in_place(data[name], vocabulary, key=f"{key}_{name}_act", what=what)
    return {}


def same_day(data: dict[str, Any], vocabulary: Vocabulary, key: str) -> dict[str, Any]:
    inputs.word("on")
    made = threshold(data, vocabulary, key)
    inputs.word("days")
    made["window"] = window(data.get("window"), key=f"{key}_window")
    inputs.word("did all that follows:")
    return made


def of_same_day(data: dict[str, Any], vocabulary: Vocabulary, key: str) -> dict[str, Any]:
    """A line for each act, with the ways to add one more and to take one away."""
    for name, word in (("acts", "did:"), ("without", "did not:")):
        for act in data.get(name) or ():
            own = f"{key}_{act.setdefault('_id', fresh_id())}"
            with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
                inputs.word(word)
                say = acts.past if name == "acts" else acts.base
                act["event"] = acts.event(act["event"], vocabulary, key=own, say=say)
                st.button(
                    ":material/close:", help="Remove this act", type="tertiary",
                    key=f"{own}_drop", on_click=_drop, args=(data, name, act["_id"]),
                )  # fmt: skip
            acts.in_place(act, vocabulary, key=own)
    with st.container(horizontal=True, gap="xsmall"):
        for name, label in (("acts", "and did …"), ("without", "and did not …")):
            st.button(
                label, icon=":material/add:", type="tertiary", key=f"{key}_{name}_add",
                on_click=_add, args=(data, name), disabled=len(data.get(name) or ()) >= 4,
            )  # fmt: skip
    return {name: data.get(name) or [] for name in ("acts", "without")}


def _add(data: dict[str, Any], name: str) -> None:
    data[name] = [*(data.get(name) or ()), {"event": ORDER, "_id": fresh_id()}]


def _drop(data: dict[str, Any], name: str, own: str) -> None:
    data[name] = [act for act in data.get(name) or () if act.get("_id") != own]


def cart(data: dict[str, Any], _: Vocabulary, key: str) -> dict[str, Any]:
    inputs.word("have items in the cart, the last one added between")
    newest = duration(data.get("newest"), key=f"{key}_newest", amount=1)
    inputs.word("and")
    oldest = duration(data.get("oldest"), key=f"{key}_oldest", amount=7)
    inputs.word("ago, with no order since")
    return {"newest": newest, "oldest": oldest}
