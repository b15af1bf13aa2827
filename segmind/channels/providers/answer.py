"""A vendor's answer, put together from the bytes of a connection as they come (RFC 9112)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from multidict import CIMultiDict

LARGEST_ANSWER: Final = 4 * 1024 * 1024
_LARGEST_HEAD: Final = 64 * 1024
_STATUS: Final = re.compile(r"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: .*)?")
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;.*)?")
_LONGEST_SIZE_LINE: Final = 1024


class NoAnswer(ValueError):
    """What came is no answer, or a larger one than anybody should read."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a vendor answered. ``headers`` are found by any case; ``keeps``: whether another request
    may follow on the same connection."""

    status: int
    body: bytes
    headers: Mapping[str, str]
    keeps: bool = False

    @property
    def text(self) -> str:
        """The body as text; what is no UTF-8 is replaced."""
        return self.body.decode("utf-8", "replace")


class Reading:
    """The answer to one request as far as it has come. Raises ``NoAnswer``."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._status = 0  # 0: the head is not whole yet
        self._headers: CIMultiDict[str] = CIMultiDict()
        self._keeps = False
        self._size: int | None = None  # of the body; None: chunked, or until the connection ends
        self._is_chunked = False
        self._body = bytearray()  # the chunks so far

    def feed(self, data: bytes) -> Answer | None:
        """Take what came; the answer, once it is whole."""
        self._buffer += data
        while not self._status:
            if not self._take_head():
                return None
        if self._is_chunked:
            return self._of_chunks()
        if self._size is None:
            _limit(len(self._buffer))
            return None
        if len(self._buffer) < self._size:
            return None
        return self._made(bytes(self._buffer[: self._size]), len(self._buffer) - self._size)

    def at_end(self) -> Answer | None:
        """The answer, if the end of the connection is its end."""
        if not self._status or self._is_chunked or self._size is not None:
            return None
        return self._made(bytes(self._buffer), 0)

    def _made(self, body: bytes, left: int) -> Answer:
        # Bytes that nobody asked for are no beginning of the next answer.
        return Answer(self._status, body, self._headers, self._keeps and not left)

    def _take_head(self) -> bool:
        """Read the head, if it is whole; interim answers (1xx) are passed over."""
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0 or end > _LARGEST_HEAD:
            if len(self._buffer) > _LARGEST_HEAD:
                raise NoAnswer("The head of the answer is too long.")
            return False
        first, *lines = self._buffer[:end].decode("latin-1").split("\r\n")
        del self._buffer[: end + 4]
        status = _STATUS.fullmatch(first)
        if status is None or status[2] == "101":
            raise NoAnswer("This is not an HTTP answer.")
        if status[2][0] == "1":
            return True
        for line in lines:
            name, colon, value = line.partition(":")
            if not colon or _NAME.fullmatch(name) is None:
                raise NoAnswer("A header cannot be read.")
            self._headers.add(name, value.strip(" \t"))
        self._status = int(status[2])
        self._frame(is_newer=status[1] == "1")
        return True

    def _frame(self, *, is_newer: bool) -> None:
        """How the end of the body is found (RFC 9112, 6.3)."""
        codings = self._headers.getall("Transfer-Encoding", ())
        sizes = set(self._headers.getall("Content-Length", ()))
        if codings:
            if [coding.lower() for coding in codings] != ["chunked"]:
                raise NoAnswer("The answer comes in an unknown coding.")
            self._is_chunked = True
        elif self._status in (204, 304):
            self._size = 0
        elif sizes:
            size = sizes.pop()
            if sizes or not (size.isascii() and size.isdigit()):
                raise NoAnswer("The length of the answer cannot be read.")
            self._size = int(size)
            _limit(self._size)
        said = ",".join(self._headers.getall("Connection", ())).lower()
        has_end = self._size is not None or (self._is_chunked and not sizes)
        self._keeps = is_newer and has_end and "close" not in said

    def _of_chunks(self) -> Answer | None:
        buffer = self._buffer
        while True:
            end = buffer.find(b"\r\n", 0, _LONGEST_SIZE_LINE)
            if end < 0:
                if len(buffer) >= _LONGEST_SIZE_LINE:
                    raise NoAnswer("A chunk's size is too long.")
                return None
            size = _SIZE.fullmatch(buffer[:end])
            if size is None:
                raise NoAnswer("A chunk's size cannot be read.")
            length = int(size[1], 16)
            if length == 0:
                return self._at_trailers(end)
            _limit(len(self._body) + length)
            stop = end + 2 + length
            if len(buffer) < stop + 2:
                return None
            if buffer[stop : stop + 2] != b"\r\n":
                raise NoAnswer("A chunk is longer than it says.")
            self._body += buffer[end + 2 : stop]
            del buffer[: stop + 2]

    def _at_trailers(self, end: int) -> Answer | None:
        """The last chunk, whose size line ends at ``end``, is followed by headers or by nothing."""
        stop = self._buffer.find(b"\r\n\r\n", end)
        if stop < 0:
            if len(self._buffer) > _LARGEST_HEAD:
                raise NoAnswer("The headers after the answer are too long.")
            return None
        return self._made(bytes(self._body), len(self._buffer) - stop - 4)


def _limit(size: int) -> None:
    if size > LARGEST_ANSWER:
        raise NoAnswer("The answer is larger than 4 MB.")
