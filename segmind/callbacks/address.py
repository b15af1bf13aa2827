"""Which addresses may be called: public ones over TLS, never our own network.

The text is checked when it is given, the resolved address at every call (``client``): a name may
point elsewhere tomorrow.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final
from urllib.parse import urlsplit

from segmind.errors import InvalidInput
from segmind.settings import Settings

#: Set to "allow", callbacks may go to loopback over plain http: for rehearsals on one machine.
LOOPBACK_VARIABLE: Final = "SEGMIND_CALLBACK_LOOPBACK"
PORTS: Final = frozenset({443, 8443})
MOST_LETTERS: Final = 2_000

_LABEL: Final = re.compile(r"^(?!-)[a-z0-9_-]{1,63}(?<!-)$")
#: Beside what ``ipaddress`` calls not global: v4 addresses in v6 clothes, and what tables miss.
_NEVER: Final[tuple[IPv4Network | IPv6Network, ...]] = (
    IPv4Network("0.0.0.0/8"),
    IPv4Network("100.64.0.0/10"),  # carriers' NAT
    IPv4Network("169.254.0.0/16"),  # link-local: clouds' metadata
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.88.99.0/24"),  # 6to4 relays
    IPv4Network("198.18.0.0/15"),
    IPv6Network("::/96"),  # v4-compatible, unspecified, loopback
    IPv6Network("::ffff:0:0/96"),  # v4-mapped
    IPv6Network("::ffff:0:0:0/96"),  # v4-translated
    IPv6Network("64:ff9b::/96"),  # NAT64
    IPv6Network("64:ff9b:1::/48"),
    IPv6Network("100::/64"),
    IPv6Network("2001::/23"),  # Teredo and other protocol assignments
    IPv6Network("2002::/16"),  # 6to4
    IPv6Network("3fff::/20"),
    IPv6Network("5f00::/16"),
    IPv6Network("fc00::/7"),
    IPv6Network("fec0::/10"),
)


class RefusedAddress(InvalidInput):
    """This address cannot be called."""

    code = "refused_address"
    hint = "Give a public https address on port 443 or 8443, without a user name in it."


class LoopbackInProduction(InvalidInput):
    """SEGMIND_CALLBACK_LOOPBACK is set, but this installation can be reached from elsewhere."""

    code = "loopback_in_production"
    hint = "Remove the variable; it is for rehearsals on one machine that nobody else reaches."


@dataclass(frozen=True, slots=True)
class Rules:
    """``loopback``: also ``http://127.0.0.1:PORT``, for tests and rehearsals only."""

    loopback: bool = False


def rules_of(settings: Settings) -> Rules:
    """The rules of this installation.

    Raises:
        LoopbackInProduction: loopback is asked for where others can reach us.
    """
    if settings.environ.get(LOOPBACK_VARIABLE) != "allow":
        return Rules()
    public = urlsplit(settings.public_url).hostname or ""
    if not settings.is_loopback or public not in {"127.0.0.1", "localhost", "::1"}:
        raise LoopbackInProduction()
    return Rules(loopback=True)


def check(url: str, rules: Rules, *, field: str = "url") -> str:
    """The address as it will be called, its host in lower case and ASCII; see ``host_of``.

    Raises:
        RefusedAddress: it may not be called; the message says why, ``field`` where it stood.
    """
    if not 0 < len(url) <= MOST_LETTERS:
        raise RefusedAddress(f"An address has 1 to {MOST_LETTERS} letters.", field=field)
    if any(ord(letter) <= 32 or ord(letter) == 127 or letter == "\\" for letter in url):
        raise RefusedAddress(
            "The address has blanks, backslashes or control characters.", field=field
        )
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise RefusedAddress("This is no address.", field=field) from None
    if "@" in parts.netloc:
        raise RefusedAddress("The address has a user name or password in it.", field=field)
    if not host:
        raise RefusedAddress("The address names no host.", field=field)
    if parts.netloc.endswith(":"):
        raise RefusedAddress("The address has a colon, but no port.", field=field)
    name = _host(host, field)
    if rules.loopback and name in {"127.0.0.1", "localhost", "::1"} and parts.scheme == "http":
        return url
    if parts.scheme != "https":
        raise RefusedAddress("Only https addresses are called.", field=field)
    if (port if port is not None else 443) not in PORTS:
        raise RefusedAddress("Only the ports 443 and 8443 are called.", field=field)
    literal = _literal(name)
    if literal is not None and (why := refused_because(literal, rules)):
        raise RefusedAddress(why, field=field)
    shown = f"[{name}]" if isinstance(literal, IPv6Address) else name
    where = shown if port is None else f"{shown}:{port}"
    return parts._replace(netloc=where, fragment="").geturl()


def host_of(url: str) -> str:
    """The host of an address that ``check`` let pass."""
    return urlsplit(url).hostname or ""


def refused_because(address: IPv4Address | IPv6Address, rules: Rules) -> str:
    """Why this resolved address is not called, in a sentence; empty: it may be."""
    if rules.loopback and str(address) in {"127.0.0.1", "::1"}:
        return ""
    if (
        not address.is_global
        or address.is_multicast
        or address.is_reserved
        or any(address in network for network in _NEVER if network.version == address.version)
        or (isinstance(address, IPv6Address) and address.scope_id is not None)
    ):
        return "The address does not lie in the public internet."
    return ""


def _host(host: str, field: str) -> str:
    if _literal(host) is not None:
        return host
    try:
        name = host.encode("ascii" if host.isascii() else "idna").decode().lower()
    except UnicodeError:
        raise RefusedAddress("The host's name cannot be used.", field=field) from None
    labels = name.removesuffix(".").split(".")
    if len(name) > 253 or not all(_LABEL.match(label) for label in labels):
        raise RefusedAddress("The host's name cannot be used.", field=field)
    # 2130706433, 0x7f.1, 0177.0.0.1: some resolvers read them as 127.0.0.1.
    if labels[-1].isdigit() or re.match(r"^0x[0-9a-f]*$", labels[-1]):
        raise RefusedAddress("Write a numeric address as four plain numbers.", field=field)
    return name


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
