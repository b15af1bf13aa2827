"""Reading one value out of a column of JSON objects."""

from __future__ import annotations

import polars as pl

from segmind.segments.fields import Form


def value(column: str, key: str, form: Form) -> pl.Expr:
    """The value under ``key`` of every object in ``column``.

    As text: a string as it is, true and false as such words, a number, list or object as it is
    written. As a number (Float64): of numbers and of texts that are one. Null where there is none.
    """
    text = pl.col(column).str.json_path_match(f"$['{key}']")
    if form is Form.TEXT:
        return text
    number = text.cast(pl.Float64, strict=False)
    return pl.when(number.is_finite()).then(number)
