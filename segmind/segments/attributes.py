"""What conditions read of a customer: columns as they are, and columns made of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import narwhals as nw
import polars as pl

from segmind.experiments.assignment import bucket
from segmind.segments import fields, json_columns, reach
from segmind.segments.fields import Form


class Attribute(ABC):
    """A column of the customers; a frozen dataclass, so that equal ones are one column."""

    @property
    @abstractmethod
    def name(self) -> str:
        """The name of the column."""

    @abstractmethod
    def add_to(self, customers: pl.LazyFrame) -> pl.LazyFrame:
        """The customers with the column."""

    def column(self) -> nw.Expr:
        """The column in a rule's expression."""
        return nw.col(self.name)


@dataclass(frozen=True)
class Field(Attribute):
    """A standard field."""

    field: str

    @property
    def name(self) -> str:
        return self.field

    def add_to(self, customers: pl.LazyFrame) -> pl.LazyFrame:
        return customers


@dataclass(frozen=True)
class Trait(Attribute):
    """A custom trait (``traits.x``), read as text or as a number."""

    field: str
    form: Form

    @property
    def name(self) -> str:
        return f"{self.field}:{self.form}"

    def add_to(self, customers: pl.LazyFrame) -> pl.LazyFrame:
        key = self.field.removeprefix(fields.TRAITS)
        return customers.with_columns(json_columns.value("traits", key, self.form).alias(self.name))


@dataclass(frozen=True)
class Reachable(Attribute):
    """Whether marketing may reach the customer on a channel: address, consent, no suppression."""

    channel: str

    @property
    def name(self) -> str:
        return f"reachable:{self.channel}"

    def add_to(self, customers: pl.LazyFrame) -> pl.LazyFrame:
        return reach.with_reachable(customers, self.channel, self.name)


@dataclass(frozen=True)
class Bucket(Attribute):
    """The customer's stable random bucket for a salt, 0 to 9,999."""

    salt: str

    @property
    def name(self) -> str:
        return f"bucket:{self.salt}"

    def add_to(self, customers: pl.LazyFrame) -> pl.LazyFrame:
        buckets = bucket(pl.col("customer_id"), self.salt).cast(pl.Int64)
        return customers.with_columns(buckets.alias(self.name))
