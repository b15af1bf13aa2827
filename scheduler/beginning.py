"""What the processes of this package say, and what must not be said."""

from __future__ import annotations

import logging
import sys

from segmind.settings import Settings


def log_to_stderr(settings: Settings) -> None:
    """Lines to standard error, from ``SEGMIND_LOG_LEVEL`` on."""
    logging.basicConfig(
        level=settings.environ.get("SEGMIND_LOG_LEVEL", "INFO").upper(),
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
        stream=sys.stderr,
    )
    # Vendors' clients log addresses and texts at INFO.
    for name in ("twilio", "python_http_client", "sendgrid", "pyfcm", "aiohttp", "urllib3"):
        logging.getLogger(name).setLevel(logging.WARNING)
