"""Links of one message: how they are tracked, and which are links at all."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final, Protocol, TextIO

from liquid.ast import BlockNode, Node
from liquid.context import RenderContext
from liquid.parser import get_parser
from liquid.stream import TokenStream
from liquid.tag import Tag
from liquid.token import TOKEN_EOF, TOKEN_TAG, Token

from segmind.templates.language import HTML, PLAIN

_ALLOWED: Final = re.compile(r"(?:https?|mailto|tel|sms):", re.IGNORECASE)
_WEB: Final = re.compile(r"https?://[^\s]", re.IGNORECASE)
_IN_TEXT: Final = re.compile(r"https?://[^\s<>\"'`{}|\\^]+", re.IGNORECASE)
_TRAILING: Final = ".,;:!?)]}»”’"

#: The name under which a rendering finds its links; templates cannot read anything from it.
KEY: Final = "_links"


@dataclass(frozen=True, slots=True)
class Links:
    """The links of one message.

    ``link_for`` gives the tracked address of an http(s) link; None leaves links as they are.
    ``unsubscribe_url`` is the page (never tracked, stands behind ``{{ unsubscribe_url }}``) and
    makes the e-mail carry its footer and List-Unsubscribe headers; None: a message that cannot be
    unsubscribed from (transactional). ``one_click_url`` takes the one-click POST (RFC 8058);
    None: the same address.
    """

    link_for: Callable[[str], str] | None = None
    unsubscribe_url: str | None = None
    one_click_url: str | None = None

    def followed(self, url: str, *, track: bool = True) -> str:
        """The address to put into the message for ``url``: itself, its tracked form, or ``#``."""
        if url == self.unsubscribe_url:
            return url  # ours, and each message has another: not worth keeping below
        url, is_allowed, is_web = _looked_at(url)
        if not is_allowed:
            return "#"
        if not track or self.link_for is None or not is_web:
            return url
        if url in (self.unsubscribe_url, self.one_click_url):
            return url
        return self.link_for(url)

    def in_text(self, text: str) -> str:
        """``text`` with every http(s) address replaced by its tracked form."""
        if self.link_for is None or "://" not in text:
            return text
        return _IN_TEXT.sub(self._replace, text)

    def _replace(self, match: re.Match[str]) -> str:
        url = match[0].rstrip(_TRAILING)
        return self.followed(url) + match[0][len(url) :]


class LinksOfAll(Protocol):
    """The links of several messages of one template."""

    @property
    def unsubscribe_urls(self) -> Sequence[str | None]:
        """Of each: its page to unsubscribe."""

    def of(self, n: int) -> Links:
        """The links of the message at place ``n``."""

    def followed(self, urls: Sequence[str], *, track: bool = True) -> list[str]:
        """``Links.followed`` of each message's own address."""

    def followed_by_all(self, url: str, *, track: bool = True) -> list[str]:
        """``Links.followed`` of one address that all of them have."""

    def part(self, start: int, stop: int) -> LinksOfAll:
        """Those of the messages from ``start`` to before ``stop``."""


@dataclass(frozen=True, slots=True)
class OneByOne:
    """Links of messages that are made one by one."""

    links: Sequence[Links]

    @property
    def unsubscribe_urls(self) -> list[str | None]:
        return [each.unsubscribe_url for each in self.links]

    def of(self, n: int) -> Links:
        return self.links[n]

    def followed(self, urls: Sequence[str], *, track: bool = True) -> list[str]:
        return [each.followed(url, track=track) for each, url in zip(self.links, urls, strict=True)]

    def followed_by_all(self, url: str, *, track: bool = True) -> list[str]:
        return [each.followed(url, track=track) for each in self.links]

    def part(self, start: int, stop: int) -> OneByOne:
        return OneByOne(self.links[start:stop])


class Together:
    """Links of ``count`` messages that are made for all of them at once, when they are asked for.

    ``tracked`` gives the tracked form that one address has in each message, ``tracked_in`` that of
    an address in the message at one place; both None leave addresses as they are. ``pages`` gives
    each one's page to unsubscribe; None: there is none.
    """

    def __init__(
        self,
        count: int,
        tracked: Callable[[str], Sequence[str]] | None = None,
        tracked_in: Callable[[int, str], str] | None = None,
        pages: Callable[[], Sequence[str]] | None = None,
    ) -> None:
        self._count = count
        self._tracked = tracked
        self._tracked_in = tracked_in
        self._pages = pages

    @cached_property
    def unsubscribe_urls(self) -> Sequence[str | None]:
        return [None] * self._count if self._pages is None else self._pages()

    def of(self, n: int) -> Links:
        tracked, page = self._tracked_in, self.unsubscribe_urls[n]
        if tracked is None:
            return Links(unsubscribe_url=page)
        return Links(link_for=lambda url: tracked(n, url), unsubscribe_url=page)

    def followed(self, urls: Sequence[str], *, track: bool = True) -> list[str]:
        if urls == self.unsubscribe_urls:
            return list(urls)  # our own pages, which are never tracked
        return [self.of(n).followed(url, track=track) for n, url in enumerate(urls)]

    def followed_by_all(self, url: str, *, track: bool = True) -> list[str]:
        address, is_allowed, is_web = _looked_at(url)
        if not (is_allowed and is_web and track) or self._tracked is None:
            return [address if is_allowed else "#"] * self._count
        if address in self.unsubscribe_urls:
            return [self.of(n).followed(url) for n in range(self._count)]
        return list(self._tracked(address))

    def part(self, start: int, stop: int) -> Together:
        tracked, tracked_in = self._tracked, self._tracked_in
        return Together(
            stop - start,
            None if tracked is None else lambda url: tracked(url)[start:stop],
            None if tracked_in is None else lambda n, url: tracked_in(start + n, url),
            None if self._pages is None else lambda: self.unsubscribe_urls[start:stop],  # type: ignore[arg-type,return-value]
        )


@lru_cache(maxsize=256)
def _looked_at(url: str) -> tuple[str, bool, bool]:
    """The address, whether a message may hold it, and whether it is one of the web."""
    url = url.strip()
    return url, _ALLOWED.match(url) is not None, _WEB.match(url) is not None


class Box:
    """Carries ``Links`` into a rendering; shows nothing to a template."""

    __slots__ = ("links",)

    def __init__(self, links: Links) -> None:
        self.links = links

    def __str__(self) -> str:
        return ""


class LinkNode(Node):
    """An address in a template, which each message replaces by its own."""

    __slots__ = ("block", "track")

    def __init__(self, token: Token, block: BlockNode, *, track: bool) -> None:
        super().__init__(token)
        self.block = block
        self.track = track
        self.blank = False

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        inner = context.get_buffer(buffer)
        self.block.render(context, inner)
        box = context.resolve(KEY, token=None)
        links = box.links if isinstance(box, Box) else Links()
        if not context.autoescape:
            return buffer.write(links.followed(inner.getvalue(), track=self.track))
        url = links.followed(html.unescape(inner.getvalue()), track=self.track)
        return buffer.write(html.escape(url))

    def children(
        self,
        static_context: RenderContext,  # noqa: ARG002 - the library's signature
        *,
        include_partials: bool = True,  # noqa: ARG002
    ) -> list[Node]:
        return [self.block]


class _LinkTag(Tag):
    name = "_link"
    end = "_endlink"
    track = True

    def parse(self, stream: TokenStream) -> Node:
        token = stream.eat(TOKEN_TAG)
        block = get_parser(self.env).parse_block(stream, frozenset((self.end, TOKEN_EOF)))
        stream.expect(TOKEN_TAG, value=self.end)
        return LinkNode(token, block, track=self.track)


class _SourceTag(_LinkTag):
    name = "_source"
    end = "_endsource"
    track = False


HTML.add_tag(_LinkTag)
HTML.add_tag(_SourceTag)
PLAIN.add_tag(_LinkTag)


def tracked(address: str) -> str:
    """Liquid that puts the tracked form of an address (escaped where the language escapes)."""
    return f"{{% _link %}}{address}{{% _endlink %}}"


def checked(address: str) -> str:
    """Liquid that puts the address if it is one, untracked (images)."""
    return f"{{% _source %}}{address}{{% _endsource %}}"
