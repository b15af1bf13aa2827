"""One frame for a rule: a roster's customers with everything that the rule asks beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import narwhals as nw
import polars as pl
from polars.io.plugins import register_io_source

from segmind.customers.roster import Roster
from segmind.segments.aggregates.base import Aggregate
from segmind.segments.answers import Answers
from segmind.segments.attributes import Attribute
from segmind.segments.sources import CUSTOMER, Frame

_Make = Callable[[], pl.Series]


def board(
    roster: Roster,
    attributes: Sequence[Attribute],
    aggregates: Sequence[Aggregate],
    answers: Answers,
) -> Frame:
    """customer_id, the attributes and the aggregates' columns of a roster, in its order.

    Only columns that the question uses are worked out: an aggregate has more of them than a rule
    reads.
    """
    schema: dict[str, pl.DataType] = {CUSTOMER: pl.Int64()}
    columns: dict[str, _Make] = {CUSTOMER: lambda: pl.Series(CUSTOMER, roster.ids)}
    for attribute in attributes:
        with_it = attribute.add_to(roster.frame)
        schema[attribute.name] = with_it.collect_schema()[attribute.name]
        columns[attribute.name] = _attribute(roster, attribute)
    for aggregate in aggregates:
        for column in aggregate.missing:
            name = aggregate.name(column)
            schema[name] = answers.dtype(aggregate, column)
            columns[name] = _answer(roster, answers, aggregate, column)
    return nw.from_native(_scan(schema, columns))


def _scan(schema: Mapping[str, pl.DataType], columns: Mapping[str, _Make]) -> pl.LazyFrame:
    def read(
        wanted: list[str] | None, predicate: pl.Expr | None, rows: int | None, batch: int | None
    ) -> Iterator[pl.DataFrame]:
        del batch
        names = list(schema) if wanted is None else wanted
        frame = pl.DataFrame([columns[name]().alias(name) for name in names])
        if predicate is not None:
            frame = frame.filter(predicate)
        yield frame if rows is None else frame.head(rows)

    return register_io_source(read, schema=dict(schema), is_pure=True)


def _attribute(roster: Roster, attribute: Attribute) -> _Make:
    return lambda: roster.column(attribute, attribute.add_to, attribute.name)


def _answer(roster: Roster, answers: Answers, aggregate: Aggregate, column: str) -> _Make:
    return lambda: answers.column(aggregate, column, roster)
