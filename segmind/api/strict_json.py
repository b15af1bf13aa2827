"""JSON as we take it: no NaN, no NUL, no broken Unicode, no bottomless nesting."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any, Final, NoReturn

import msgspec
from fastapi import Request, Response
from fastapi.routing import APIRoute

from segmind.api.problems import Refusal
from segmind.segments import deep

DEEPEST: Final = 100
_LONGEST_PATH: Final = 200
#: Strict where the standard library is not: no NaN, no infinity, no lone surrogates.
_DECODER: Final = msgspec.json.Decoder()
_MAYBE_NUL: Final = b"\\u0000"


def parse(body: bytes) -> Any:
    """The value that ``body`` holds.

    Raises:
        Refusal: it is not JSON as we take it.
    """
    try:
        value = _DECODER.decode(body)
    except (ValueError, RecursionError, msgspec.MsgspecError):
        return _parse_slowly(body)  # which says what is wrong, and where
    if _is_deep(value):
        raise _too_deep(body)
    if _MAYBE_NUL in body:
        _check(value)
    return value


def _parse_slowly(body: bytes) -> Any:
    try:
        text = body.decode("utf-8")
        value = json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise _too_deep(body) from None
    except UnicodeDecodeError:
        raise _invalid("The body is not UTF-8.") from None
    except ValueError as error:
        raise _invalid(_where(error)) from None
    if _is_deep(value):
        raise _too_deep(body)
    _check(value)
    return value


class StrictRoute(APIRoute):
    """A route whose JSON body is read by ``parse``; other content types stay bytes."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def strict(request: Request) -> Response:
            own = _StrictRequest(request.scope, request.receive)
            body = await own.body()
            if body and is_json(own.headers.get("content-type", "")):
                own.value = parse(body)
            return await handler(own)

        return strict


class _StrictRequest(Request):
    value: Any = None

    async def json(self) -> Any:
        return self.value


def is_json(content_type: str) -> bool:
    """Whether a Content-Type header says JSON (``application/json``, ``application/x+json``)."""
    kind = content_type.split(";")[0].strip().lower()
    return kind == "application/json" or (
        kind.startswith("application/") and kind.endswith("+json")
    )


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value.")


def _where(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
    text = str(error)
    return text if text.endswith("is not a JSON value.") else "A number has too many digits."


def _invalid(message: str, field: str | None = None) -> Refusal:
    return Refusal(HTTPStatus.BAD_REQUEST, "invalid_json", message, field=field)


def _too_deep(body: bytes) -> Refusal:
    path = deep.path_at(body.decode("utf-8", errors="replace"), DEEPEST)
    shown = f"{path[:_LONGEST_PATH]}…" if len(path) > _LONGEST_PATH else path
    return _invalid(f"The body is nested more than {DEEPEST} levels deep.", shown or None)


def _is_deep(value: Any) -> bool:
    """Whether the value is nested too deeply; looks at lists and objects only."""
    level = [value]
    for _ in range(DEEPEST + 1):
        level = [
            v
            for each in level
            for v in (each.values() if type(each) is dict else each if type(each) is list else ())
            if type(v) is dict or type(v) is list
        ]
        if not level:
            return False
    return True


def _check(value: Any) -> None:
    """Every text and number of the value, which is not too deep, can be stored."""
    level = [value]
    while level:
        below: list[Any] = []
        for each in level:
            if isinstance(each, str):
                _check_text(each)
            elif isinstance(each, float):
                if each in (float("inf"), float("-inf")):
                    raise _invalid("A number is too large.")
            elif isinstance(each, dict):
                below.extend(each.keys())
                below.extend(each.values())
            elif isinstance(each, list):
                below.extend(each)
        level = below


def _check_text(text: str) -> None:
    if text.isascii():
        if "\0" in text:
            raise _invalid("A text holds a NUL character.")
        return
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise _invalid("A text holds a NUL character or half of a surrogate pair.")
