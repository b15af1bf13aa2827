"""Where a request came from, as the workspace's gate asks it."""

from __future__ import annotations

from starlette.requests import Request

from segmind.workspace.access import Visit


def visit_of(request: Request) -> Visit:
    """The visit; a request that a page elsewhere made counts as foreign.

    On loopback a page of any site can make a browser call us: its Origin and Sec-Fetch-Site tell.
    """
    host = request.headers.get("host")
    if came_from_elsewhere(request):
        host = None
    return Visit(client=address_of(request), host=host)


def came_from_elsewhere(request: Request) -> bool:
    """Whether the browser says that another site caused this request.

    Following a link is no such thing as long as nothing is changed by it.
    """
    origin = request.headers.get("origin")
    if origin is not None:
        return origin.partition("://")[2] != request.headers.get("host", "")
    if request.headers.get("sec-fetch-mode") == "navigate" and request.method in {"GET", "HEAD"}:
        return False
    return request.headers.get("sec-fetch-site", "none") in {"cross-site", "same-site"}


def address_of(request: Request) -> str | None:
    """The peer's network address; None over a unix socket."""
    return request.client.host if request.client else None
