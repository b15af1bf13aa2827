"""What the API's root says."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel

from segmind import __version__

router = APIRouter(tags=["Health"])


class Index(BaseModel):
    """Where to go from here."""

    name: str
    version: str
    openapi: str
    health: str


@router.get("/")
def index(request: Request) -> Index:
    """The API's name and version, and where its description is."""
    root = request.scope.get("root_path", "")
    return Index(
        name="Segmind",
        version=__version__,
        openapi=f"{root}/openapi.json",
        health=f"{root}/health",
    )
