"""How the processes of this package begin: their settings, and what they say."""

from __future__ import annotations

import logging
import sys

from segmind.errors import SegmindError
from segmind.settings import Settings, from_environment


def begun() -> Settings | None:
    """The settings of this process, which logs from now on; None, with the reason on standard
    error, for settings that cannot be used."""
    try:
        settings = from_environment()
    except SegmindError as error:
        sys.stderr.write(f"{error}\n")
        return None
    _log_to_stderr(settings)
    return settings


def _log_to_stderr(settings: Settings) -> None:
    """Lines to standard error, from ``SEGMIND_LOG_LEVEL`` on."""
    logging.basicConfig(
        level=settings.environ.get("SEGMIND_LOG_LEVEL", "INFO").upper(),
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
        stream=sys.stderr,
    )
    # Vendors' clients log addresses and texts at INFO.
    for name in ("twilio", "python_http_client", "sendgrid", "pyfcm", "aiohttp", "urllib3"):
        logging.getLogger(name).setLevel(logging.WARNING)
