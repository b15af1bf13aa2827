"""The HTTP side: the API, the sign-in and the links in messages. ``uvicorn segmind.api:app``."""

from segmind.api.application import api
from segmind.api.backend import build

#: The API alone, its routes at the root.
app = build(api)

__all__ = ["api", "app"]
