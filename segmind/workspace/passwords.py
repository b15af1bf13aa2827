"""Passwords: argon2id hashes, and checks that take the same time whoever asks."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from segmind.errors import InvalidInput

SHORTEST: Final = 10
LONGEST: Final = 200
#: OWASP's second recommended setting: 19 MiB, 2 passes, 1 lane (about 30 ms).
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


class WeakPassword(InvalidInput):
    """This password cannot be used."""

    code = "weak_password"


def hashed(password: str, *, email: str = "") -> str:
    """The argon2id hash of ``password``.

    Raises:
        WeakPassword: too short, too long, one letter repeated, or the e-mail address itself.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        hint = f"Use {SHORTEST} to {LONGEST} characters."
        raise WeakPassword(hint=hint, field="password")
    if len(set(password)) < 4 or (email and password.casefold() == email.casefold()):
        raise WeakPassword(hint="Use something that is hard to guess.", field="password")
    return _HASHER.hash(password)


def matches(password: str, stored: str | None) -> bool:
    """Whether ``password`` is the one that was hashed; no stored hash costs the same time."""
    try:
        return _HASHER.verify(stored or _nobody(), password[: LONGEST + 1]) and stored is not None
    except (VerificationError, InvalidHashError, UnicodeEncodeError):
        return False


@lru_cache(maxsize=1)
def _nobody() -> str:
    return _HASHER.hash("nobody has this password")
