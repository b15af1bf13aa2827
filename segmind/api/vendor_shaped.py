"""Routes that speak like a vendor's API: its errors in its own shape, a message's text as it is."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from segmind.api.problems import Refusal, status_of
from segmind.errors import InvalidInput, SegmindError


def shaped(answer: Callable[[SegmindError, int], Response]) -> type[APIRoute]:
    """A route class whose refusals are what ``answer`` makes of an error and its status."""

    class Shaped(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handler = super().get_route_handler()

            async def guarded(request: Request) -> Response:
                try:
                    return await handler(request)
                except SegmindError as error:
                    return answer(error, status_of(error))
                except RequestValidationError as error:
                    first = error.errors()[0]
                    field = str(first["loc"][-1])
                    wrong = InvalidInput(f"{field}: {first['msg']}.", field=field)
                    return answer(wrong, HTTPStatus.BAD_REQUEST)
                except HTTPException as error:
                    refused = Refusal(error.status_code, "refused", str(error.detail))
                    return answer(refused, error.status_code)

            return guarded

    return Shaped


def literal(text: str, field: str) -> str:
    """``text`` as a template that says exactly this: a vendor's client writes no Liquid.

    Raises:
        InvalidInput: it has Liquid's own end of literal text in it.
    """
    if "{{" not in text and "{%" not in text:
        return text
    if "endraw" in text:
        raise InvalidInput("The text cannot have {{ or {% together with endraw.", field=field)
    return f"{{% raw %}}{text}{{% endraw %}}"


def as_written(source: str) -> str:
    """What ``literal`` was given."""
    return source.removeprefix("{% raw %}").removesuffix("{% endraw %}")
