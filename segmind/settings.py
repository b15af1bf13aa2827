"""Infrastructure settings: read from the environment once, frozen.

Product settings (time zone, quiet hours, caps, prices) are rows: see ``segmind.workspace``.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from segmind.errors import InvalidInput

ROOT = Path(__file__).resolve().parent.parent

#: Sending processes beside a scheduler, unless it is said how many, and at all.
MOST_SENDERS_UNASKED = 3
MOST_SENDERS = 32

#: Every variable that Segmind reads, with what it means. The README lists the same names (tested).
VARIABLES: dict[str, str] = {
    "SEGMIND_DATABASE_URL": "PostgreSQL 15+ to use; without it an embedded server starts",
    "SEGMIND_HOME": "folder for everything that Segmind writes (default: var/ in the project)",
    "SEGMIND_LAKE": "folder of the event files (default: lake/ in SEGMIND_HOME)",
    "SEGMIND_PUBLIC_URL": "address at which customers reach links and providers reach webhooks",
    "SEGMIND_HOST": "address to listen on (default 127.0.0.1)",
    "SEGMIND_PORT": "port to listen on (default 8631)",
    "SEGMIND_SECRET_KEY": "key that signs links and encrypts credentials (default: made once)",
    "SEGMIND_LINK_KEYS": "keys that sign links, the newest first (default: the secret key)",
    "SEGMIND_REAL_DATA": "folder of the real data files that some tests read",
    "SEGMIND_SENDERS": "processes that help a scheduler while there is much to send (default: one"
    " less than processor cores, at most 3; 0: none)",
    "SEGMIND_TWILIO_ACCOUNT_SID": "Twilio account",
    "SEGMIND_TWILIO_AUTH_TOKEN": "Twilio auth token",
    "SEGMIND_TWILIO_FROM": "Twilio sender: an E.164 number or a messaging service id (MG...)",
    "SEGMIND_TWILIO_BASE_URL": "Twilio API address, for rehearsals on loopback",
    "SEGMIND_SENDGRID_API_KEY": "SendGrid key",
    "SEGMIND_SENDGRID_FROM": "SendGrid sender address",
    "SEGMIND_SENDGRID_WEBHOOK_KEY": "SendGrid's public key of the signed event webhook",
    "SEGMIND_SENDGRID_BASE_URL": "SendGrid API address, for rehearsals on loopback",
    "SEGMIND_FCM_SERVICE_ACCOUNT": "path of the Firebase service-account JSON",
    "SEGMIND_FCM_BASE_URL": "FCM API address, for rehearsals on loopback",
    "SEGMIND_CALLBACK_LOOPBACK": "allow: webhooks of ours may go to http://127.0.0.1 (rehearsals)",
    "SEGMIND_LOG_LEVEL": "DEBUG, INFO, WARNING or ERROR (default INFO)",
}


@dataclass(frozen=True, slots=True)
class Settings:
    """Where things are and how to reach them."""

    home: Path
    lake: Path
    database_url: str | None
    public_url: str
    host: str
    port: int
    senders: int
    secret_key: bytes = field(repr=False)
    environ: Mapping[str, str] = field(repr=False)

    @property
    def is_loopback(self) -> bool:
        return self.host in {"127.0.0.1", "localhost", "::1"}


def from_environment(environ: Mapping[str, str] | None = None) -> Settings:
    """Settings from ``environ`` (default: the process's).

    Raises:
        InvalidInput: an unknown ``SEGMIND_*`` variable (a misspelt one would be ignored in
            silence), or a port that is no port.
    """
    env = dict(os.environ if environ is None else environ)
    unknown = sorted(k for k in env if k.startswith("SEGMIND_") and k not in VARIABLES)
    if unknown:
        raise InvalidInput(
            f"Unknown setting {unknown[0]}.", hint="The README lists every SEGMIND_ variable."
        )
    home = Path(env.get("SEGMIND_HOME") or ROOT / "var").expanduser().resolve()
    lake = Path(env.get("SEGMIND_LAKE") or home / "lake").expanduser().resolve()
    host = env.get("SEGMIND_HOST") or "127.0.0.1"
    port = _port(env.get("SEGMIND_PORT") or "8631")
    return Settings(
        home=home,
        lake=lake,
        database_url=env.get("SEGMIND_DATABASE_URL") or None,
        public_url=(env.get("SEGMIND_PUBLIC_URL") or f"http://{host}:{port}").rstrip("/"),
        host=host,
        port=port,
        senders=_senders(env.get("SEGMIND_SENDERS")),
        secret_key=_secret(env.get("SEGMIND_SECRET_KEY"), home),
        environ={k: v for k, v in env.items() if k.startswith("SEGMIND_")},
    )


def _port(text: str) -> int:
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise InvalidInput(f"SEGMIND_PORT is {text!r}.", hint="Give a number from 1 to 65535.")
    return int(text)


def _senders(given: str | None) -> int:
    if not given:
        return min(MOST_SENDERS_UNASKED, (os.cpu_count() or 1) - 1)
    if not given.isdigit() or int(given) > MOST_SENDERS:
        raise InvalidInput(
            f"SEGMIND_SENDERS is {given!r}.", hint=f"Give a number from 0 to {MOST_SENDERS}."
        )
    return int(given)


def _secret(given: str | None, home: Path) -> bytes:
    """The given key, else one made once and kept beside the data, readable by its owner only."""
    if given:
        if len(given) < 32:
            raise InvalidInput("SEGMIND_SECRET_KEY is too short.", hint="Use 32 characters.")
        return given.encode()
    path = home / "secret.key"
    home.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _read_secret(path)
    with os.fdopen(handle, "w") as file:
        file.write(secrets.token_hex(32))
    return _read_secret(path)


def _read_secret(path: Path) -> bytes:
    # Another process may have created the file and not yet written it: wait for its 64 letters.
    for _ in range(100):
        text = path.read_text().strip()
        if len(text) >= 64:
            return text.encode()
    raise InvalidInput(f"{path} holds no key.", hint="Delete the file; a new key is made.")
