"""A CSV file, gzipped or not, as blocks of whole rows; where it breaks off, that is said."""

from __future__ import annotations

import csv
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from segmind.errors import InvalidInput

BLOCK_BYTES: Final = 48 << 20
_READ_BYTES: Final = 1 << 20
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

    @cached_property
    def lines(self) -> int:
        """How many lines the block has."""
        return self.data.count(b"\n") + (not self.data.endswith(b"\n"))

    def raw(self, first: int, last: int) -> str:
        """The lines ``first`` to ``last`` as they are; bytes that are not UTF-8 are escaped."""
        low, high = first - self.first_line, last - self.first_line + 1
        text = self.data[self._starts[low] : self._starts[high]]
        return text.decode("utf-8", "backslashreplace").rstrip("\r\n")

    @cached_property
    def _starts(self) -> list[int]:
        starts, at = [0], self.data.find(b"\n")
        while at >= 0:
            starts.append(at + 1)
            at = self.data.find(b"\n", at + 1)
        return starts if starts[-1] == len(self.data) else [*starts, len(self.data)]


class Blocks:
    """The rows of one file, to be read once.

    ``header`` is known at once. After the iteration ``fault`` says how the file is damaged (None:
    whole), and ``cut`` holds the beginning of the row in which it broke off. ``consumed`` counts
    bytes of the file as it lies on disk.
    """

    def __init__(self, path: Path, block_bytes: int = BLOCK_BYTES) -> None:
        self.path = path
        self.consumed = 0
        self.fault: str | None = None
        self.cut: Block | None = None
        self._block_bytes = block_bytes
        self._pieces = self._read()
        self._rest = b""
        self.header = self._read_header()

    def _read_header(self) -> list[str]:
        while b"\n" not in self._rest and len(self._rest) < _LONGEST_HEADER:
            piece = next(self._pieces, None)
            if piece is None:
                break
            self._rest += piece
        line, _, self._rest = self._rest.partition(b"\n")
        text = line.decode("utf-8-sig", "replace").rstrip("\r")
        if not text.strip():
            raise EmptyFile(name=self.path.name)
        return [name.strip() for name in next(csv.reader([text]))]

    def __iter__(self) -> Iterator[Block]:
        line = 2
        pieces, size = [self._rest], len(self._rest)
        for piece in self._pieces:
            pieces.append(piece)
            size += len(piece)
            if size < self._block_bytes:
                continue
            data = b"".join(pieces)
            end = _end_of_rows(data, self._block_bytes)
            if end:
                block = Block(data[:end], line)
                yield block
                line += block.lines
            pieces, size = [data[end:]], len(data) - end
        data = b"".join(pieces)
        whole = len(data) if self.fault is None else data.rfind(b"\n") + 1
        if whole:
            block = Block(data[:whole], line)
            yield block
            line += block.lines
        if data[whole:]:
            self.cut = Block(data[whole:], line)

    def _read(self) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            start = file.read(_READ_BYTES)
            self.consumed = len(start)
            inflate = _Inflate() if start.startswith(_GZIP) else None
            piece = start
            while piece:
                try:
                    yield inflate.feed(piece) if inflate else piece
                except zlib.error as error:
                    self.fault = f"The file is damaged after {self.consumed:,} bytes ({error})."
                    return
                piece = file.read(_READ_BYTES)
                self.consumed += len(piece)
        if inflate and not inflate.complete:
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
