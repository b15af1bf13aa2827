"""Errors of the domain: sentences with a hint, ignorant of HTTP and of Streamlit."""

from __future__ import annotations

from typing import Any


class SegmindError(Exception):
    """Something in Segmind went wrong.

    A subclass's docstring (first line) is its message, with ``{field}`` places filled from the
    keyword arguments; ``hint`` says what the reader can do about it. ``code`` is the stable name
    that the API shows. ``field`` names the offending input, as a path (``rule.all[2].event``).
    """

    code: str = "error"
    hint: str = ""

    def __init__(
        self,
        message: str | None = None,
        *,
        hint: str | None = None,
        field: str | None = None,
        **values: Any,
    ) -> None:
        template = message or (type(self).__doc__ or "").strip().splitlines()[0]
        self.message = template.format(**values) if values else template
        self.hint = hint if hint is not None else self.hint.format(**values)
        self.field = field
        self.values = values
        super().__init__(self.message)

    def __str__(self) -> str:
        where = f" (at {self.field})" if self.field else ""
        tail = f" {self.hint}" if self.hint else ""
        return f"{self.message}{where}{tail}"


class InvalidInput(SegmindError):
    """The input is not valid."""

    code = "invalid_input"


class NotFound(SegmindError):
    """There is no {what} {key}."""

    code = "not_found"


class Conflict(SegmindError):
    """This cannot be done in the present state."""

    code = "conflict"


class Unavailable(SegmindError):
    """A part that Segmind needs does not answer."""

    code = "unavailable"
