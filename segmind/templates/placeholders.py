"""Liquid inside markup, kept safe while the markup is compiled and sanitised.

Every piece of Liquid is replaced by something that HTML and MJML tools carry through unharmed: a
comment where text can stand (even between the rows of a table), a plain word inside a tag, a
comment or a raw-text element. Afterwards each is put back.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

_LIQUID: Final = re.compile(
    r"\{%-?\s*(?P<block>raw|comment|doc)\b.*?\{%-?\s*end(?P=block)\s*-?%\}"
    r"|\{%.*?%\}|\{\{.*?\}\}",
    re.DOTALL,
)
_RAW_TEXT: Final = ("style", "script", "title", "mj-style", "mj-title", "textarea")
_MARKUP: Final = re.compile(r"<!--|<(/?)([a-zA-Z][\w-]*)|<[!?]")


@dataclass(frozen=True, slots=True)
class Protected:
    """Markup without Liquid. ``pieces[i]`` is what stood at placeholder ``i``."""

    markup: str
    pieces: tuple[str, ...]
    word: str

    def restore(self, markup: str) -> str:
        """Puts the Liquid back, wherever the placeholders now are."""
        return self._any().sub(lambda m: self.pieces[int(m[1] or m[2])], markup)

    def lost(self, markup: str) -> list[str]:
        """The pieces whose placeholders are no longer in ``markup``."""
        there = {int(m[1] or m[2]) for m in self._any().finditer(markup)}
        return [piece for i, piece in enumerate(self.pieces) if i not in there]

    def holds(self, markup: str) -> bool:
        """Whether ``markup`` has a placeholder."""
        return self.word in markup

    def is_placeholder(self, comment: str) -> bool:
        """Whether the inside of a comment is a placeholder."""
        return re.fullmatch(self.word + r"\d+x", comment) is not None

    def _any(self) -> re.Pattern[str]:
        return re.compile(rf"<!--{self.word}(\d+)x-->|{self.word}(\d+)x")


def protect(source: str) -> Protected:
    """``source`` with its Liquid replaced."""
    word = "lq" + blake2b(source.encode("utf-8", "replace"), digest_size=6).hexdigest() + "n"
    pieces: list[str] = []
    out: list[str] = []
    where = _Where()
    at = 0
    for match in _LIQUID.finditer(source):
        static = source[at : match.start()]
        where.read(static)
        out.append(static)
        name = f"{word}{len(pieces)}x"
        out.append(f"<!--{name}-->" if where.is_text else name)
        pieces.append(match[0])
        at = match.end()
    out.append(source[at:])
    return Protected("".join(out), tuple(pieces), word)


def liquid_pieces(source: str) -> list[tuple[bool, str]]:
    """``source`` cut into (is Liquid, text)."""
    parts: list[tuple[bool, str]] = []
    at = 0
    for match in _LIQUID.finditer(source):
        parts += [(False, source[at : match.start()]), (True, match[0])]
        at = match.end()
    return [*parts, (False, source[at:])]


class _Where:
    """Follows markup just closely enough to know whether text can stand at its end."""

    def __init__(self) -> None:
        self._in_comment = False
        self._in_tag = False
        self._quote = ""
        self._tag = ""
        self._raw = ""

    @property
    def is_text(self) -> bool:
        return not (self._in_comment or self._in_tag or self._raw)

    def read(self, markup: str) -> None:
        at = 0
        while at < len(markup):
            if self._in_comment:
                at = self._skip(markup, "-->", at)
            elif self._in_tag:
                at = self._read_tag(markup, at)
            elif self._raw:
                at = self._read_raw(markup, at)
            else:
                at = self._read_text(markup, at)

    def _skip(self, markup: str, end: str, at: int) -> int:
        found = markup.find(end, at)
        if found < 0:
            return len(markup)
        self._in_comment = False
        return found + len(end)

    def _read_tag(self, markup: str, at: int) -> int:
        if self._quote:
            found = markup.find(self._quote, at)
            if found < 0:
                return len(markup)
            self._quote = ""
            return found + 1
        for i in range(at, len(markup)):
            if markup[i] in "\"'":
                self._quote = markup[i]
                return i + 1
            if markup[i] == ">":
                self._in_tag = False
                closed = i > 0 and markup[i - 1] == "/"
                if self._tag in _RAW_TEXT and not closed:
                    self._raw = self._tag
                return i + 1
        return len(markup)

    def _read_raw(self, markup: str, at: int) -> int:
        found = re.compile(rf"</{self._raw}\b", re.IGNORECASE).search(markup, at)
        if found is None:
            return len(markup)
        self._raw = ""
        self._in_tag, self._tag = True, ""
        return found.end()

    def _read_text(self, markup: str, at: int) -> int:
        found = _MARKUP.search(markup, at)
        if found is None:
            return len(markup)
        if found[0] == "<!--":
            self._in_comment = True
        else:
            self._in_tag = True
            self._tag = "" if found[1] else (found[2] or "").lower()
        return found.end()
