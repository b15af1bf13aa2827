"""The base of aggregates: a table of one row per customer, and its columns as expressions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import cached_property
from hashlib import blake2b
from typing import Any, ClassVar

import narwhals as nw
import polars as pl

from segmind.segments.sources import Frame, Sources

#: A customer's value of an aggregate's column, as explain reads it.
Value = Callable[["Aggregate", str], Any]


class Aggregate(ABC):
    """A question about every customer, asked of the log.

    A subclass is a frozen dataclass: equal questions are one question. A customer without a row
    has the values of ``missing``. ``frame`` defines the answer; where the log's totals by customer
    are at hand as vectors, ``vector`` gives the same.
    """

    #: The columns, and the value of somebody without a row.
    missing: ClassVar[Mapping[str, Any]]
    #: The types of the columns as vectors, where there are any.
    vector_types: ClassVar[Mapping[str, pl.DataType]] = {}

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

    def has_vector(self, sources: Sources) -> bool:
        """Whether ``vector`` can be asked; else there is only the ``frame``."""
        return bool(self.vector_types) and sources.are_of_everybody

    def vector(self, column: str, sources: Sources) -> pl.Series:
        """A column by customer id, as long as ``sources.size``: what ``frame`` says, quicker."""
        raise LookupError(f"{type(self).__name__} has no vector {column} of {sources.size}.")
