"""One field compared with one value: the smallest piece of a rule."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import narwhals as nw
from pydantic import Field, ValidationInfo, field_validator

from segmind.segments import fields
from segmind.segments.fault import did_you_mean, fault
from segmind.segments.fields import FieldType, Form
from segmind.segments.moment import Moment
from segmind.segments.operators import OPERATORS, Operator, Subject, operators_for
from segmind.segments.part import Part
from segmind.segments.words import Words


class Comparison(Part):
    """``field op value``: what ``value`` must be follows from the two others."""

    field: str = Field(max_length=120)
    op: str
    value: Any = Field(default=None, validate_default=True)

    @classmethod
    @abstractmethod
    def type_of(cls, name: str) -> FieldType:
        """The type of the field of this name. Raises a fault if there is none."""

    @field_validator("field")
    @classmethod
    def _is_known(cls, name: str) -> str:
        cls.type_of(name)
        return name

    @field_validator("op")
    @classmethod
    def _fits_the_field(cls, op: str, info: ValidationInfo) -> str:
        if "field" not in info.data:
            return op
        name = info.data["field"]
        kind = cls.type_of(name)
        if op not in OPERATORS:
            raise fault(f"There is no operator {op!r}.", did_you_mean(op, operators_for(kind)))
        if kind not in OPERATORS[op].types:
            known = ", ".join(operators_for(kind))
            raise fault(f"{name} cannot be compared by {op}: it is a {kind}.", f"Use {known}.")
        return op

    @field_validator("value")
    @classmethod
    def _fits_the_operator(cls, value: Any, info: ValidationInfo) -> Any:
        if "field" not in info.data or "op" not in info.data:
            return None
        return OPERATORS[info.data["op"]].read(value, cls.type_of(info.data["field"]))

    @property
    def operator(self) -> Operator:
        return OPERATORS[self.op]

    @property
    def field_type(self) -> FieldType:
        return self.type_of(self.field)

    @property
    def form(self) -> Form | None:
        """How an open field is read; None for a field that is a column."""
        return self.operator.form(self.value) if self.field_type is FieldType.OPEN else None

    def holds(self, column: nw.Expr, at: Moment) -> nw.Expr:
        """Whether the comparison holds for the column; never null."""
        return self.operator.expression(Subject(column, self.field_type, at), self.value)

    def sentence(self, words: Words) -> str:
        """``country is DE``."""
        name = self.field.removeprefix(fields.TRAITS).removeprefix(fields.PROPERTIES)
        label = name.removeprefix(fields.PRODUCT).replace("_", " ")
        said = self.operator.words(self.value, lambda one: words.operand(one, self.field_type))
        return f"{label} {said}"


class CustomerComparison(Comparison):
    """Of a customer's field (``country``) or a custom trait (``traits.tier``)."""

    @classmethod
    def type_of(cls, name: str) -> FieldType:
        return fields.customer_field(name)


class EventComparison(Comparison):
    """Of an event's field (``value``, ``product.brand``) or a property (``properties.size``)."""

    @classmethod
    def type_of(cls, name: str) -> FieldType:
        return fields.event_field(name)

    @property
    def column_name(self) -> str:
        """The name of the column that is compared, once it is read out of the events."""
        return self.field if self.form is None else f"{self.field}:{self.form}"
