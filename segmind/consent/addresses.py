"""Addresses: one normal form, whether it can be one at all, and the keyed hash that stays.

Every rule exists twice, for one string and for a Polars column, and a test holds the two equal.
"""

from __future__ import annotations

import hmac
import re
from typing import Final

import polars as pl

from segmind.events.schema import Channel

#: The customer's column that holds the address of a channel.
COLUMN: Final = {Channel.EMAIL: "email", Channel.SMS: "phone", Channel.PUSH: "push_token"}

_BLANKS: Final = " \t\r\n"
# Written so that Python's and Rust's regular expressions agree: no \w, control characters by name.
_ATOM: Final = r'[^\s\x00-\x1f\x7f@<>()\[\],;:\\".]+'
_LETTER: Final = r"(?:[a-z0-9]|[^\s\x00-\x7f])"
_LABEL: Final = rf"{_LETTER}(?:(?:{_LETTER}|-){{0,61}}{_LETTER})?"
_TOP: Final = rf"(?:[a-z]|[^\s\x00-\x7f])(?:{_LETTER}|-){{0,61}}{_LETTER}"
_PATTERN: Final = {
    Channel.EMAIL: rf"^{_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+{_TOP}$",
    Channel.SMS: r"^\+[1-9][0-9]{6,14}$",
    # No {1,4096}: a counted class is 15 times slower, and the length is checked by itself.
    Channel.PUSH: r"^[^\s\x00-\x1f\x7f]+$",
}
_WHOLE: Final = {which: re.compile(pattern).fullmatch for which, pattern in _PATTERN.items()}
_PHONE: Final = _WHOLE[Channel.SMS]
_LONGEST: Final = {Channel.EMAIL: 254, Channel.SMS: 16, Channel.PUSH: 4096}
_LONGEST_LOCAL_PART: Final = 64
_PHONE_NOISE: Final = "[ \t\r\n\u00a0\u202f().\\-/]"


def as_channel(channel: Channel | str | int) -> Channel:
    """The channel of a name ("email"), a code (1) or the channel itself."""
    if type(channel) is Channel:
        return channel
    if isinstance(channel, str):
        return Channel[channel.upper()]
    return Channel(channel)


def normalise(channel: Channel | str | int, address: str | None) -> str | None:
    """The one form of ``address`` that is stored, compared and hashed; None if nothing is left.

    E-mail in lower case; a phone number without spaces and brackets, ``00`` read as ``+`` (no
    country is guessed); a push token as it is, trimmed.
    """
    if address is None:
        return None
    text = address.strip(_BLANKS)
    which = as_channel(channel)
    if which is Channel.EMAIL:
        text = text.lower()
    elif which is Channel.SMS and not _PHONE(text):  # nearly every number that is asked about
        text = re.sub(r"^00", "+", re.sub(_PHONE_NOISE, "", text))
    return text or None


def is_valid(channel: Channel | str | int, address: str | None) -> bool:
    """Whether ``address`` (in its normal form) can be an address of the channel."""
    which = as_channel(channel)
    text = normalise(which, address)
    return text is not None and is_valid_form(which, text)


def is_valid_form(which: Channel, normal: str) -> bool:
    """``is_valid`` for who has the normal form already."""
    if len(normal) > _LONGEST[which] or _WHOLE[which](normal) is None:
        return False
    return which is not Channel.EMAIL or len(normal.rpartition("@")[0]) <= _LONGEST_LOCAL_PART


def normal_form(channel: Channel | str | int, column: pl.Expr) -> pl.Expr:
    """``normalise`` on a column."""
    which = as_channel(channel)
    text = column.str.strip_chars(_BLANKS)
    if which is Channel.EMAIL:
        text = text.str.to_lowercase()
    elif which is Channel.SMS:
        text = text.str.replace_all(_PHONE_NOISE, "").str.replace("^00", "+")
    return pl.when(text.str.len_bytes() > 0).then(text)


def validity(channel: Channel | str | int, normal: pl.Expr) -> pl.Expr:
    """``is_valid`` on a column that is in its normal form; null is not valid."""
    which = as_channel(channel)
    # Rust's $ is the very end; a newline inside never passes [^\s] either.
    valid = normal.str.contains(_PATTERN[which]) & (normal.str.len_chars() <= _LONGEST[which])
    if which is Channel.EMAIL:
        local = normal.str.extract("^(.*)@", 1).str.len_chars()
        valid = valid & (local <= _LONGEST_LOCAL_PART)
    return valid.fill_null(value=False)


def address_key(secret_key: bytes) -> bytes:
    """The key of address hashes, derived from the installation's secret (settings.secret_key)."""
    return hmac.digest(secret_key, b"segmind address hash 1", "sha256")


def address_hash(key: bytes, channel: Channel | str | int, address: str) -> bytes:
    """HMAC-SHA256 of the channel and the normalised address: outlives the address itself."""
    which = as_channel(channel)
    text = normalise(which, address) or ""
    return hmac.digest(key, f"{which.label}:{text}".encode(), "sha256")


def address_hashes(key: bytes, channel: Channel | str | int, normal: pl.Series) -> list[bytes]:
    """``address_hash`` of every address of a series that is in its normal form."""
    # The key and what all begin with are hashed once: half of what ``hmac.digest`` takes for each,
    # and a launch hashes a million.
    begun = hmac.new(key, f"{as_channel(channel).label}:".encode(), "sha256")
    hashes = []
    for text in normal:
        each = begun.copy()
        each.update((text or "").encode())
        hashes.append(each.digest())
    return hashes


def masked(channel: Channel | str | int, address: str | None) -> str:
    """The address as a stranger may see it: ``a***@example.com``, ``+49*****89``."""
    if not address:
        return "unknown"
    if as_channel(channel) is Channel.EMAIL and "@" in address:
        name, _, domain = address.rpartition("@")
        return f"{name[:1]}***@{domain}"
    return f"{address[:3]}*****{address[-2:]}" if len(address) > 8 else "*****"
