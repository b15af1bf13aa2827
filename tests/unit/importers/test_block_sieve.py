"""Looking at odd lines alone gives what looking at every row would give."""

from __future__ import annotations

import itertools

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from segmind.events.importers import line_index, sieve, tables
from segmind.events.importers.blocks import Block
from segmind.events.importers.line_index import LineIndex
from tests.trying import examples

COLUMNS = ("x", "y", "z")
CELL = st.binary(max_size=4).filter(lambda cell: not set(cell) & set(b'",\r\n'))
QUOTED = st.sampled_from([b'"a"', b'"a,b"', b'"a""b"', b'""'])
LINE = st.lists(st.one_of(CELL, QUOTED, st.sampled_from([b"a", b"", b"\xff", b"\0", "é".encode()])))


def as_rows(table: tables.Table) -> tuple[list[tuple[object, ...]], list[tables.Malformed]]:
    return table.frame.rows(), sorted(table.malformed, key=lambda m: m.line)


@settings(max_examples=examples(60))
@given(
    lines=st.lists(st.one_of(st.just([b"1", b"2", b"3"]), LINE), max_size=30),
    ending=st.sampled_from([b"", b"\n"]),
)
@example(lines=[[b"1", b"2", b"3"], [b"1", b"2"], [b"1", b"2", b"3", b"4"]], ending=b"\n")
@example(lines=[[b"1", b"2", b""], [b"1", b"2"], [b"1", b"2", b"3"]], ending=b"")
def test_a_block_reads_as_if_row_by_row(lines: list[list[bytes]], ending: bytes) -> None:
    data = b"\n".join(b",".join(line) for line in lines) + ending
    if not data:
        return
    block = Block(data, first_line=5)
    quick, slow = tables.read(block, COLUMNS), tables._carefully(block, COLUMNS)
    assert as_rows(quick) == as_rows(slow)


def test_one_bad_line_leaves_the_others_to_the_quick_reader(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(tables, "_carefully")
    lines = [b"1,2,3"] * 10_000
    lines[7_000], lines[9_000], lines[9_500] = b"1,2", b"1,2,3,4", b"1,\xff,3"
    table = tables.read(Block(b"\n".join(lines), first_line=2), COLUMNS)
    assert [m.line for m in table.malformed] == [7_002, 9_002, 9_502]
    assert table.frame.height == 9_997
    assert table.frame.select(tables.LINE).sum().item() == sum(range(2, 10_002)) - 25_506


@given(data=st.lists(st.sampled_from([b"\n", b"ab", b",", b"c\n"]), max_size=60).map(b"".join))
def test_lines_begin_where_the_one_before_ended(data: bytes) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(line_index, "CHUNK", 4)
        index = LineIndex(data)
        expected = data.splitlines(keepends=True)
        assert index.lines == len(expected)
        starts = [index.start(i) for i in range(len(expected) + 1)]
        assert [data[a:b] for a, b in itertools.pairwise(starts)] == expected
        assert index.count(ord(",")) == data.count(b",")
        assert index.places(ord(",")).tolist() == [i for i, c in enumerate(data) if c == ord(",")]


def test_too_many_odd_lines_are_left_to_the_slow_reader() -> None:
    data = b"1,2\n" * (sieve.MOST_ODD + 1)
    assert sieve.odd_lines(data, LineIndex(data), 3) is None
    assert len(tables.read(Block(data, 2), COLUMNS).malformed) == sieve.MOST_ODD + 1
    assert tables.read(Block(data, 2), ("x", "y")).frame.select(pl.len()).item() == 20_001
