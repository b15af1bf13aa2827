"""The base of aggregates: a table of one row per customer, and its columns as expressions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Any, ClassVar

import narwhals as nw

from segmind.segments.sources import CUSTOMER, Frame, Sources

#: A customer's value of an aggregate's column, as explain reads it.
Value = Callable[["Aggregate", str], Any]


@dataclass(frozen=True, eq=False)
class Table:
    """Some aggregates' columns, one row for each customer who has something to count."""

    frame: Frame
    of: frozenset[Aggregate]


class Aggregate(ABC):
    """A question about every customer, asked of the log.

    A subclass is a frozen dataclass: equal questions are one question. A customer without a row
    has the values of ``missing``.
    """

    #: The columns, and the value of somebody without a row.
    missing: ClassVar[Mapping[str, Any]]

    @abstractmethod
    def frame(self, sources: Sources) -> Frame:
        """customer_id (each at most once) and the columns of ``missing``, unprefixed."""

    @cached_property
    def prefix(self) -> str:
        """What tells this aggregate's columns from every other's."""
        return blake2b(repr(self).encode(), digest_size=8).hexdigest()

    def name(self, column: str) -> str:
        """The name of a column once the aggregates stand side by side."""
        return f"{self.prefix}.{column}"

    def column(self, column: str) -> nw.Expr:
        """A column, with the value of ``missing`` for those who have no row."""
        expression = nw.col(self.name(column))
        default = self.missing[column]
        return expression if default is None else expression.fill_null(default)

    @classmethod
    def tables(cls, aggregates: Sequence[Any], sources: Sources) -> list[Table]:
        """The tables of several aggregates of this class; a subclass may answer them together."""
        return [Table(a.named(a.frame(sources)), frozenset({a})) for a in aggregates]

    def named(self, frame: Frame) -> Frame:
        """The frame with its columns under their full names."""
        own = [nw.col(column).alias(self.name(column)) for column in self.missing]
        return frame.select(CUSTOMER, *own)


def tables(aggregates: Sequence[Aggregate], sources: Sources) -> list[Table]:
    """The tables of all aggregates, each computed once."""
    by_class: dict[type[Aggregate], list[Aggregate]] = {}
    for aggregate in dict.fromkeys(aggregates):
        by_class.setdefault(type(aggregate), []).append(aggregate)
    return [t for cls, several in by_class.items() for t in cls.tables(several, sources)]
