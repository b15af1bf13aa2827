"""One frame for a rule: a roster's customers with everything that the rule asks beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import narwhals as nw
import polars as pl
from polars.io.plugins import register_io_source

from segmind.customers.roster import Roster
from segmind.segments.aggregates.base import Aggregate
from segmind.segments.answers import Answers
from segmind.segments.attributes import Attribute
from segmind.segments.sources import CUSTOMER, Frame

_Make = Callable[[], pl.Series]


class Board:
    """customer_id, the attributes and the aggregates' columns of a roster, in its order.

    An aggregate has more columns than a rule reads: only those that are used are worked out.
    """

    def __init__(
        self,
        roster: Roster,
        attributes: Sequence[Attribute],
        aggregates: Sequence[Aggregate],
        answers: Answers,
    ) -> None:
        self._schema: dict[str, pl.DataType] = {CUSTOMER: pl.Int64()}
        self._columns: dict[str, _Make] = {CUSTOMER: lambda: pl.Series(CUSTOMER, roster.ids)}
        for attribute in attributes:
            with_it = attribute.add_to(roster.frame)
            self._schema[attribute.name] = with_it.collect_schema()[attribute.name]
            self._columns[attribute.name] = _attribute(roster, attribute)
        for aggregate in aggregates:
            for column in aggregate.missing:
                name = aggregate.name(column)
                self._schema[name] = answers.dtype(aggregate, column)
                self._columns[name] = _answer(roster, answers, aggregate, column)

    def all(self) -> Frame:
        """Every column."""
        return nw.from_native(self.columns(list(self._schema)).lazy())

    def columns(self, names: Sequence[str]) -> pl.DataFrame:
        """Some columns: those that an expression uses, for example (see ``used``)."""
        return pl.DataFrame([self._columns[name]().alias(name) for name in names])

    def used(self, expression: nw.Expr) -> list[str]:
        """The columns that an expression uses: what it asks of a source without rows.

        They are the same for every roster.
        """
        asked: list[str] = []

        def read(names: list[str] | None, *_: Any) -> Iterator[pl.DataFrame]:
            asked.extend(self._schema if names is None else names)
            yield pl.DataFrame(schema={name: self._schema[name] for name in asked})

        empty = nw.from_native(register_io_source(read, schema=dict(self._schema)))
        native: pl.LazyFrame = empty.select(expression).to_native()
        native.collect()
        return asked or [CUSTOMER]


def _attribute(roster: Roster, attribute: Attribute) -> _Make:
    return lambda: roster.column(attribute, attribute.add_to, attribute.name)


def _answer(roster: Roster, answers: Answers, aggregate: Aggregate, column: str) -> _Make:
    return lambda: answers.column(aggregate, column, roster)
