"""Blocks are whole rows whatever the file does; rows that are no rows are told apart."""

from __future__ import annotations

import csv
import gzip
import io
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segmind.events.importers import exact, tables
from segmind.events.importers.blocks import Blocks, EmptyFile
from segmind.events.importers.tables import LINE
from tests.trying import examples

Rows = list[tuple[int, tuple[str | None, ...]]]


def read(path: Path, block_bytes: int = 1 << 20) -> tuple[Rows, list[tuple[int, str]], Blocks]:
    blocks = Blocks(path, block_bytes)
    rows: Rows = []
    malformed: list[tuple[int, str]] = []
    for block in blocks:
        table = tables.read(block, blocks.header)
        names = blocks.header
        rows += [(row[LINE], tuple(row[n] for n in names)) for row in table.frame.to_dicts()]
        malformed += [(m.line, m.reason) for m in table.malformed]
    return rows, malformed, blocks


def file(folder: Path, content: bytes, name: str = "f.csv") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


CELLS = st.text(alphabet='ab,"\n é', max_size=6)


@settings(
    max_examples=examples(30),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    table=st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=25),
    block_bytes=st.integers(1, 200),
    zipped=st.booleans(),
)
def test_any_csv_reads_as_it_was_written_in_blocks_of_any_size(
    tmp_path: Path, table: list[tuple[str, str, str]], block_bytes: int, zipped: bool
) -> None:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["x", "y", "z"])
    writer.writerows(table)
    content = buffer.getvalue().encode()
    path = file(tmp_path, gzip.compress(content) if zipped else content)
    rows, malformed, blocks = read(path, block_bytes)
    # What a small block cuts in two (a quoted line break further away than it is long) is not
    # asked here: blocks are megabytes.
    if block_bytes > 60:
        assert [row for _, row in rows] == [tuple(c or None for c in row) for row in table]
        assert malformed == []
    assert blocks.fault is None


def test_line_numbers_are_those_of_the_file(tmp_path: Path) -> None:
    path = file(tmp_path, b'a,b\r\n1,2\r\n\r\n"x\ny",3\r\n4,5,6\r\n7\r\n8,9')
    rows, malformed, _ = read(path)
    assert rows == [(2, ("1", "2")), (4, ("x\ny", "3")), (8, ("8", "9"))]
    assert malformed == [
        (6, "the row has 3 fields, the header has 2"),
        (7, "the row has 1 fields, the header has 2"),
    ]


def test_short_rows_are_not_filled_in_silence(tmp_path: Path) -> None:
    rows, malformed, _ = read(file(tmp_path, b"a,b,c\n1,2,\n1,2\n1,2,3\n"))
    assert [line for line, _ in rows] == [2, 4]
    assert [line for line, _ in malformed] == [3]


def test_bytes_that_are_no_text_reject_their_row_only(tmp_path: Path) -> None:
    rows, malformed, _ = read(file(tmp_path, b"a,b\n1,2\n\xff,3\n4,\x005\n6,7\n"))
    assert [line for line, _ in rows] == [2, 5]
    assert malformed == [(3, "the row is not UTF-8"), (4, "the row holds a NUL character")]


@pytest.mark.parametrize("after", [0, 1, 5, 99, 100, 300])
@pytest.mark.parametrize("ending", [b"", b"\n", b"\n\n"])
def test_a_quote_that_nobody_closes_costs_its_own_row_only(
    tmp_path: Path, after: int, ending: bytes
) -> None:
    lines = [b"a,b", b'"x\ny",1', b'"broken,1'] + [b"%d,x" % i for i in range(after)]
    path = file(tmp_path, b"\n".join(lines) + ending)
    rows, malformed, _ = read(path)
    assert [line for line, _ in rows] == [2, *range(5, 5 + after)]
    assert malformed == [(4, "a quote is never closed")]
    (block,) = Blocks(path)
    assert block.raw(4, 4) == '"broken,1'


def test_a_field_that_is_too_long_costs_its_own_row_only(tmp_path: Path) -> None:
    path = file(tmp_path, b'a,b\n"x\ny",1\n' + b"z" * 200_000 + b',"2"\n3,"4\n"\n')
    rows, malformed, _ = read(path)
    assert [row for _, row in rows] == [("x\ny", "1"), ("3", "4\n")]
    assert [line for line, _ in malformed] == [4]


@pytest.mark.parametrize("keep", [1, 20, 200, 4000])
def test_a_truncated_gz_gives_the_rows_before_the_break(tmp_path: Path, keep: int) -> None:
    lines = "".join(f"{i},{i * 7919 % 1000003}\n" for i in range(5000))
    whole = gzip.compress(("a,b\n" + lines).encode())
    path = file(tmp_path, whole[: len(whole) - keep])
    rows, malformed, blocks = read(path, 4096)
    assert "its end is missing" in str(blocks.fault)
    assert malformed == []
    assert [row[0] for _, row in rows] == [str(i) for i in range(len(rows))]
    if keep > 8:  # the last 8 bytes are only a checksum
        assert 0 < len(rows) < 5000
    if blocks.cut:
        assert blocks.cut.first_line == len(rows) + 2


def test_a_gz_damaged_in_the_middle_says_so(tmp_path: Path) -> None:
    whole = bytearray(gzip.compress("".join(f"{i * 7919},b\n" for i in range(400000)).encode()))
    whole[len(whole) * 3 // 4] ^= 0xFF
    rows, _, blocks = read(file(tmp_path, bytes(whole)))
    assert blocks.fault is not None
    assert rows


def test_a_gz_of_several_members_is_one_file(tmp_path: Path) -> None:
    path = file(tmp_path, gzip.compress(b"a\n1\n") + gzip.compress(b"2\n") + b"\0" * 10)
    rows, _, blocks = read(path)
    assert ([row for _, row in rows], blocks.fault) == ([("1",), ("2",)], None)


@pytest.mark.parametrize("content", [b"", b"\n", b"  \r\n1,2\n", gzip.compress(b"", mtime=0)])
def test_a_file_without_header_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(EmptyFile):
        Blocks(file(tmp_path, content))


def test_a_byte_order_mark_is_not_part_of_the_first_name(tmp_path: Path) -> None:
    assert Blocks(file(tmp_path, b"\xef\xbb\xbfa,b\n")).header == ["a", "b"]


@settings(max_examples=examples(80), deadline=None)
@given(
    price=st.decimals(min_value=-(10**9), max_value=10**9, places=6),
    quantity=st.integers(-(10**6), 10**6),
    decimals=st.sampled_from([0, 2, 3]),
)
def test_amounts_round_as_decimals_do(price: Decimal, quantity: int, decimals: int) -> None:
    frame = pl.DataFrame({"p": [f"{price:f}"], "q": [quantity]})
    amount = exact.millionths("p") * pl.col("q")
    got = frame.select(exact.minor_units(amount, decimals)).item()
    true = (price * quantity).scaleb(decimals).to_integral_value(ROUND_HALF_EVEN)
    assert got == (int(true) if abs(true) <= exact.LARGEST else None)


@pytest.mark.parametrize(
    ("amount", "text"),
    [("9747747.934", "9747747.934"), ("2", "2.00"), ("-0.5", "-0.50"), ("1.000001", "1.000001")],
)
def test_amounts_are_written_exactly(amount: str, text: str) -> None:
    assert exact.written(Decimal(amount)) == text
