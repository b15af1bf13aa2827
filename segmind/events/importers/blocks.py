"""A CSV file, gzipped or not, as blocks of whole rows; where it breaks off, that is said."""

from __future__ import annotations

import csv
import hashlib
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from segmind.errors import InvalidInput
from segmind.events.importers.line_index import LineIndex

BLOCK_BYTES: Final = 48 << 20
_READ_BYTES: Final = 1 << 20
_PEEK_BYTES: Final = 1 << 16
_GZIP: Final = b"\x1f\x8b"
_LONGEST_HEADER: Final = 1 << 20


class EmptyFile(InvalidInput):
    """The file {name} holds no header line."""

    code = "empty_file"


@dataclass(frozen=True)
class Block:
    """Whole rows as bytes; ``first_line`` is the number of its first line (the header is 1)."""

    data: bytes
    first_line: int

    @property
    def lines(self) -> int:
        """How many lines the block has."""
        return self.index.lines

    def raw(self, first: int, last: int) -> str:
        """The lines ``first`` to ``last`` as they are; bytes that are not UTF-8 are escaped."""
        low, high = first - self.first_line, last - self.first_line + 1
        text = self.data[self.index.start(low) : self.index.start(high)]
        return text.decode("utf-8", "backslashreplace").rstrip("\r\n")

    @cached_property
    def index(self) -> LineIndex:
        """Where its lines are, counted from 0."""
        return LineIndex(self.data)


class Blocks:
    """The rows of one file, to be read once.

    ``header`` is known at once. After the iteration ``fault`` says how the file is damaged (None:
    whole), ``cut`` holds the beginning of the row in which it broke off, and ``checksum`` is the
    blake2b-128 of the file's bytes in hex. ``consumed`` counts bytes of the file on disk.
    """

    def __init__(self, path: Path, block_bytes: int = BLOCK_BYTES) -> None:
        self.path = path
        self.consumed = 0
        self.fault: str | None = None
        self.cut: Block | None = None
        self._block_bytes = block_bytes
        self._digest = hashlib.blake2b(digest_size=16)
        with path.open("rb") as file:
            self._is_packed = file.read(len(_GZIP)) == _GZIP
        self._pieces = self._unpacked() if self._is_packed else iter(())
        self._rest = b""
        self.header = self._parse_header(self._packed_header() if self._is_packed else self._top())

    @property
    def checksum(self) -> str:
        return self._digest.hexdigest()

    def __iter__(self) -> Iterator[Block]:
        line = 2
        for data in self._whole_rows_unpacked() if self._is_packed else self._whole_rows():
            block = Block(data, line)
            yield block
            line += block.lines
        if self._rest:
            self.cut = Block(self._rest, line)

    def _parse_header(self, line: bytes) -> list[str]:
        text = line.decode("utf-8-sig", "replace").rstrip("\r\n")
        if not text.strip():
            raise EmptyFile(name=self.path.name)
        return [name.strip() for name in next(csv.reader([text]))]

    def _top(self) -> bytes:
        """The first line of a plain file."""
        with self.path.open("rb") as file:
            line = file.readline(_LONGEST_HEADER)
        self._take(line)
        return line

    def _packed_header(self) -> bytes:
        while b"\n" not in self._rest and len(self._rest) < _LONGEST_HEADER:
            piece = next(self._pieces, None)
            if piece is None:
                break
            self._rest += piece
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def _take(self, data: bytes) -> None:
        self._digest.update(data)
        self.consumed += len(data)

    def _whole_rows(self) -> Iterator[bytes]:
        """A plain file: each block is read in one go up to the end of a row."""
        with self.path.open("rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            wanted = self._block_bytes
            while self.consumed < size:
                data = _read_rows(file.fileno(), self.consumed, min(wanted, size - self.consumed))
                is_last = self.consumed + len(data) >= size
                if not data:
                    return
                if not is_last and not data.endswith(b"\n"):
                    wanted *= 2  # no line ends in so many bytes
                    continue
                if not is_last and b'"' in data:
                    data = data[: _end_of_rows(data, len(data))]
                wanted = self._block_bytes
                self._take(data)
                yield data

    def _whole_rows_unpacked(self) -> Iterator[bytes]:
        pieces, size = [self._rest], len(self._rest)
        for piece in self._pieces:
            pieces.append(piece)
            size += len(piece)
            if size < self._block_bytes:
                continue
            data = b"".join(pieces)
            end = _end_of_rows(data, self._block_bytes)
            if end:
                yield data[:end]
            pieces, size = [data[end:]], len(data) - end
        data = b"".join(pieces)
        whole = len(data) if self.fault is None else data.rfind(b"\n") + 1
        if whole:
            yield data[:whole]
        self._rest = data[whole:]

    def _unpacked(self) -> Iterator[bytes]:
        inflate = _Inflate()
        with self.path.open("rb") as file:
            while piece := file.read(_READ_BYTES):
                self._take(piece)
                try:
                    yield inflate.feed(piece)
                except zlib.error as error:
                    self.fault = f"The file is damaged after {self.consumed:,} bytes ({error})."
                    return
        if not inflate.complete:
            self.fault = f"The file breaks off after {self.consumed:,} bytes: its end is missing."


class _Inflate:
    """gzip, also of several members, giving out everything before a break."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=31)

    @property
    def complete(self) -> bool:
        return self._member.eof

    def feed(self, piece: bytes) -> bytes:
        out = []
        while piece:
            if self._member.eof:
                if not piece.strip(b"\0"):
                    break  # padding after the last member
                self._member = zlib.decompressobj(wbits=31)
            out.append(self._member.decompress(piece))
            piece = self._member.unused_data
        return b"".join(out)


def _read_rows(handle: int, start: int, size: int) -> bytes:
    """At most ``size`` bytes from ``start``, up to the last line end in them if one is near."""
    peeked = min(size, _PEEK_BYTES)
    tail = os.pread(handle, peeked, start + size - peeked)
    end = tail.rfind(b"\n") + 1
    if end and not _is_end(handle, start + size):
        size = size - peeked + end
    data = os.pread(handle, size, start)
    while len(data) < size and (more := os.pread(handle, size - len(data), start + len(data))):
        data += more
    return data


def _is_end(handle: int, at: int) -> bool:
    return at >= os.fstat(handle).st_size


def _end_of_rows(data: bytes, longest: int) -> int:
    """Where the last whole row of ``data`` ends: a line end outside quotes; 0 if there is none."""
    end = data.rfind(b"\n") + 1
    quotes = data.count(b'"', 0, end)
    at = end
    while at and quotes % 2:
        before = data.rfind(b"\n", 0, at - 1) + 1
        quotes -= data.count(b'"', before, at)
        at = before
    # A quote that nobody closes would hold back the whole rest: then lines are rows.
    return at if at and len(data) - at < longest else end
