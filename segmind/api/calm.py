"""Routes for people: an error becomes a page in plain words."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Final

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from segmind.api import html_page as html
from segmind.api.intake import Intake
from segmind.errors import SegmindError, Unavailable

log = logging.getLogger(__name__)

#: The largest form that these pages take.
LARGEST_FORM: Final = 64 * 1024

Handler = Callable[[Request], Awaitable[Response]]


def route(path: str, handler: Handler, methods: list[str]) -> Route:
    """A route with a small body limit whose errors are pages."""

    async def calm(request: Request) -> Response:
        try:
            return await handler(request)
        except (Unavailable, SQLAlchemyError) as error:
            return _away(error)
        except SegmindError as error:
            return html.page("This did not work", html.paragraph(str(error)), status=400)
        except HTTPException as error:
            text = "The form cannot be read."
            return html.page("This did not work", html.paragraph(text), status=error.status_code)

    form = Middleware(Intake, largest_body=LARGEST_FORM)
    return Route(path, calm, methods=methods, middleware=[form])


def _away(error: Exception) -> Response:
    if isinstance(error, DBAPIError):
        error.hide_parameters = True  # statements carry personal data
    log.warning("A page could not be served: %s", error)
    response = html.page(
        "Please try again in a moment",
        html.paragraph("The page cannot be shown right now. Nothing was changed."),
        status=503,
    )
    response.headers["Retry-After"] = "5"
    return response
