"""The text part of an e-mail, derived from its HTML."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Final

from segmind.templates.links import tracked
from segmind.templates.placeholders import Protected

_BREAKS: Final = frozenset("tr div section article header footer table center dl dt dd".split())
_PARAGRAPHS: Final = frozenset("p h1 h2 h3 h4 h5 h6 ul ol blockquote pre".split())
#: Tags alone on their lines, which would leave empty lines behind.
_LONE_TAGS: Final = re.compile(r"\n+[ ]*((?:\{%(?:(?!%\}).)*%\}[ ]*)+)(?=\n|$)")
_SILENT: Final = frozenset(("style", "script", "title"))


def from_markup(markup: str, protected: Protected) -> str:
    """Body HTML (its Liquid still protected) as text with Liquid: links as ``label: address``."""
    reader = _Reader(protected)
    reader.feed(markup)
    reader.close()
    return _LONE_TAGS.sub(r"\1", protected.restore(tidy(reader.text)))


def tidy(text: str) -> str:
    """``text`` without doubled spaces, spaces at the ends of lines and rows of empty lines."""
    lines = [re.sub(r"[ \t\xa0\u200a]+", " ", line).strip() for line in text.split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


class _Reader(HTMLParser):
    def __init__(self, protected: Protected) -> None:
        super().__init__(convert_charrefs=True)
        self._protected = protected
        self._out: list[str] = []
        self._links: list[tuple[str, int]] = []
        self._silent = 0
        self._hidden = 0

    @property
    def text(self) -> str:
        return "".join(self._out)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in _SILENT:
            self._silent += 1
        elif tag == "br":
            self._out.append("\n")
        elif tag == "hr":
            self._out.append("\n----\n")
        elif tag == "li":
            self._out.append("\n- ")
        elif tag in _PARAGRAPHS:
            self._out.append("\n\n")
        elif tag in _BREAKS:
            self._out.append("\n")
        elif tag in ("td", "th"):
            self._out.append(" ")
        elif tag == "a":
            self._links.append((given.get("href", ""), len(self._out)))
        elif tag == "img" and given.get("alt"):
            self._out.append(given["alt"])

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT:
            self._silent = max(0, self._silent - 1)
        elif tag in _PARAGRAPHS:
            self._out.append("\n\n")
        elif tag in _BREAKS:
            self._out.append("\n")
        elif tag == "a" and self._links:
            self._close_link()

    def _close_link(self) -> None:
        address, start = self._links.pop()
        label = "".join(self._out[start:]).strip()
        if not address or address.startswith("#") or label == address:
            return
        while len(self._out) > start and not self._out[-1].strip():
            self._out.pop()
        if len(self._out) > start:
            self._out[-1] = self._out[-1].rstrip()
        link = tracked(address)
        self._out.append(f": {link} " if label else f"{link} ")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self._out.append(re.sub(r"\s+", " ", data))

    def handle_comment(self, data: str) -> None:
        if self._protected.is_placeholder(data):
            self._out.append(f"<!--{data}-->")
