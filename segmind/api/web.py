"""What the web process serves beside the UI."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.routing import BaseRoute, Mount

from segmind.api import downloads, public, sign_in


def routes(api: FastAPI) -> list[BaseRoute]:
    """The API under /api, the sign-in, files to take along, and the links in messages."""
    stores = api.state.stores
    return [
        *sign_in.routes(stores),
        *downloads.routes(stores),
        *public.routes(stores),
        Mount("/api", api),
    ]
