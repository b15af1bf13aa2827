"""The API alone, its routes at the root; also under /api, where providers and links expect them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount

from segmind.api import public
from segmind.api.security_headers import SecurityHeaders


def build(api: FastAPI) -> Starlette:
    """An application that serves ``api`` and the links in messages."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with api.router.lifespan_context(api):
            yield

    return Starlette(
        routes=[*public.routes(api.state.stores), Mount("/api", api), Mount("/", api)],
        middleware=[Middleware(SecurityHeaders)],
        lifespan=lifespan,
    )
