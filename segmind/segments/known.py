"""Which properties and traits there are, and whether they ever held what a rule compares them with.

A rule about a property that no event has, or with a number about one that only ever held texts, can
match nobody (or, said negatively, everybody): a slip, and refused with the names and values that
there are. The answer is exact: what a first look does not show is searched for in the whole log.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

import polars as pl

from segmind.customers.facts import Facts
from segmind.events.schema import Kind
from segmind.segments import fields, json_columns
from segmind.segments.acts import ORDER, event_code
from segmind.segments.comparison import Comparison
from segmind.segments.conditions.customer import Trait
from segmind.segments.fault import Fault, InvalidRule, did_you_mean
from segmind.segments.fields import FieldType, Form
from segmind.segments.mentions import mentions
from segmind.segments.operators.base import DATED, TEXTUAL
from segmind.segments.rule import Rule, walk

_LOOKED_AT: Final = 2_000
_DAY: Final = r"^\d{4}-\d{2}-\d{2}"


class Shape(Enum):
    """What an open value must be for an operand to be compared with it."""

    ANY = "a value"
    NUMBER = "a number"
    DAY = "a day"
    FLAG = "true or false"


def check(rule: Rule, facts: Facts) -> None:
    """Every property and custom trait that the rule compares exists, with values to compare.

    Segments that the rule refers to are not looked into: theirs is another path.

    Raises:
        InvalidRule: some do not; every one with its path, and what there is instead.
    """
    faults = [fault for asked in _asked(rule, facts) if (fault := asked.fault()) is not None]
    if faults:
        raise InvalidRule(faults)


@dataclass(frozen=True, eq=False)
class _Asked:
    """One open field that a rule compares (or counts: no ``test``), at a path.

    ``values``: the JSON objects that may hold it, as the column json; ``key`` names them.
    """

    name: str
    path: str
    values: pl.LazyFrame
    key: tuple[str, str]
    test: Comparison | None

    def fault(self) -> Fault | None:
        shape = Shape.ANY if self.test is None else _shape(self.test)
        own = self.name.partition(".")[2]
        seen = _first_look(self.key, self.values)
        if any(_has_shape(value, shape) for value in seen.get(own, ())):
            return None
        if own not in seen and not _exists(self.values, own, Shape.ANY):
            known = [f"{self.name.partition('.')[0]}.{name}" for name in sorted(seen)]
            where = f"{self.path}.field" if self.test is not None else self.path
            what = "customer has" if self.name.startswith(fields.TRAITS) else "such event has"
            hint = did_you_mean(self.name, known) if known else "There are none at all."
            return Fault(where.lstrip("."), f"No {what} {self.name}.", hint)
        if shape is Shape.ANY or _exists(self.values, own, shape):
            return None
        return Fault(
            f"{self.path}.value".lstrip("."),
            f"{self.name} is never {shape.value}.",
            _examples(seen.get(own, [])),
        )


def _asked(rule: Rule, facts: Facts) -> Iterator[_Asked]:
    names = facts.log.names()
    for mention in mentions(rule):
        event = Kind.ORDER_COMPLETED.event_name if mention.event == ORDER else mention.event
        code = event_code(event, names)
        if code is None:
            continue  # refused for that already
        rows = facts.log.events(kinds=[code], columns=["properties"])
        values = rows.select(json="properties")
        key = (facts.version, str(code))
        for n, test in enumerate(mention.where):
            if test.field.startswith(fields.PROPERTIES):
                yield _Asked(test.field, f"{mention.where_path}[{n}]", values, key, test)
        if mention.of is not None and mention.of.startswith(fields.PROPERTIES):
            yield _Asked(mention.of, mention.of_path, values, key, None)
    for path, condition in walk(rule):
        if isinstance(condition, Trait) and condition.field.startswith(fields.TRAITS):
            values = facts.customers.select(json="traits")
            yield _Asked(condition.field, path, values, (facts.version, "traits"), condition)


def _shape(test: Comparison) -> Shape:
    """What a value must be for the comparison to make sense."""
    value = test.value[0] if isinstance(test.value, tuple) else test.value
    if test.operator.types <= DATED and not test.operator.types & TEXTUAL - {FieldType.OPEN}:
        return Shape.DAY
    if test.op == "between" and isinstance(value, str):
        return Shape.DAY
    if isinstance(value, bool):
        return Shape.FLAG
    return Shape.NUMBER if test.form is Form.NUMBER and value is not None else Shape.ANY


def _has_shape(value: Any, shape: Shape) -> bool:
    match shape:
        case Shape.ANY:
            return value is not None
        case Shape.FLAG:
            return value in {True, False, "true", "false"} if _is_plain(value) else False
        case Shape.NUMBER:
            return isinstance(value, int | float) and not isinstance(value, bool)
        case Shape.DAY:
            return False  # left to the exact search, which reads days as rules do


def _is_plain(value: Any) -> bool:
    return isinstance(value, bool | str)


def _exists(values: pl.LazyFrame, name: str, shape: Shape) -> bool:
    """Whether any object has ``name`` with a value of that shape; reads on until one has."""
    text = json_columns.value("json", name, Form.TEXT)
    found = {
        Shape.ANY: text.is_not_null(),
        Shape.NUMBER: json_columns.value("json", name, Form.NUMBER).is_not_null(),
        Shape.DAY: text.str.contains(_DAY),
        Shape.FLAG: text.is_in(["true", "false"]),
    }[shape]
    if name.isascii():
        # Far cheaper than parsing; not so for what JSON may have written in escapes.
        values = values.filter(pl.col("json").str.contains(f'"{name}"', literal=True))
    return not values.filter(found).head(1).collect(engine="streaming").is_empty()


_kept: Final[OrderedDict[tuple[str, str], dict[str, list[Any]]]] = OrderedDict()
_lock: Final = threading.Lock()
_MOST_KEPT: Final = 64


def _first_look(key: tuple[str, str], values: pl.LazyFrame) -> dict[str, list[Any]]:
    """The names in some of the objects, each with some of its values."""
    with _lock:
        if key in _kept:
            return _kept[key]
    filled = values.filter(pl.col("json").is_not_null(), pl.col("json") != "{}").head(_LOOKED_AT)
    found: dict[str, list[Any]] = {}
    for text in filled.collect(engine="streaming")["json"].to_list():
        held = json.loads(text)
        for name, value in held.items() if isinstance(held, dict) else ():
            found.setdefault(name, []).append(value)
    with _lock:
        _kept[key] = found
        while len(_kept) > _MOST_KEPT:
            _kept.popitem(last=False)
    return found


def _examples(seen: list[Any]) -> str:
    texts = list(dict.fromkeys(json.dumps(value, ensure_ascii=False) for value in seen))[:3]
    return f"It holds values like {', '.join(texts)}." if texts else "Compare it as a text."
