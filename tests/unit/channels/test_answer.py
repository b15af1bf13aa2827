"""Answers are put together from whatever pieces they come in, and nothing else passes for one."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segmind.channels.providers import answer
from segmind.channels.providers.answer import Answer, NoAnswer, Reading

BODY = b'{"sid": "SM1"}'
WHOLE = {
    "length": (b"HTTP/1.1 201 Created\r\nContent-Length: 14\r\nX-A: b\r\n\r\n" + BODY, True),
    "chunks": (
        b"HTTP/1.1 201 Created\r\nx-a: b\r\nTransfer-Encoding: Chunked\r\n\r\n"
        b'5\r\n{"sid\r\n009;a=b\r\n": "SM1"}\r\n0\r\n\r\n',
        True,
    ),
    "trailers": (
        b"HTTP/1.1 201 Created\r\nX-A: b\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"E\r\n" + BODY + b"\r\n0\r\nA: b\r\nC: d\r\n\r\n",
        True,
    ),
    "interim": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
        b"HTTP/1.1 201 Created\r\nX-A: b\r\nContent-Length: 14\r\n\r\n" + BODY,
        True,
    ),
    "closing": (
        b"HTTP/1.1 201 Created\r\nConnection: Close\r\nX-A: b\r\nContent-Length: 14\r\n\r\n" + BODY,
        False,
    ),
    "old": (b"HTTP/1.0 201 Created\r\nContent-Length: 14\r\nX-A:b \r\n\r\n" + BODY, False),
    "surplus": (
        b"HTTP/1.1 201 Created\r\nContent-Length: 14\r\nX-A: b\r\n\r\n" + BODY + b"HTTP/1.1 200",
        False,
    ),
}


@given(st.sampled_from(sorted(WHOLE)), st.lists(st.integers(1, 120), max_size=8))
def test_the_pieces_make_no_difference(name: str, cuts: list[int]) -> None:
    given_bytes, keeps = WHOLE[name]
    reading = Reading()
    places = sorted({0, *(cut for cut in cuts if cut < len(given_bytes)), len(given_bytes)})
    found: Answer | None = None
    for start, end in pairwise(places):
        found = reading.feed(given_bytes[start:end])
        if found is not None:
            break
    assert found is not None
    assert (found.status, found.body, found.headers["X-a"]) == (201, BODY, "b")
    if name != "surplus":
        assert found.keeps is keeps


def test_bytes_that_nobody_asked_for_end_the_connection() -> None:
    found = Reading().feed(WHOLE["surplus"][0])
    assert found is not None
    assert not found.keeps


def test_an_answer_without_a_length_ends_with_its_connection() -> None:
    reading = Reading()
    assert reading.feed(b"HTTP/1.1 200 OK\r\n\r\nab") is None
    assert reading.feed(b"c") is None
    assert reading.at_end() == Answer(200, b"abc", {}, keeps=False)


@pytest.mark.parametrize(
    "half",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Len",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n",
    ],
)
def test_a_torn_answer_is_none(half: bytes) -> None:
    reading = Reading()
    assert reading.feed(half) is None
    assert reading.at_end() is None


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_some_answers_have_no_body(status: bytes) -> None:
    found = Reading().feed(b"HTTP/1.1 " + status + b"\r\n\r\n")
    assert found is not None
    assert (found.body, found.keeps) == (b"", True)


@pytest.mark.parametrize(
    "odd",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 99 X\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nabcde",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcde",
        b"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nabcde",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffff\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 2_000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"a" * 70_000,
        b"HTTP/1.1 200 OK\r\nA: " + b"b" * 70_000,
        b"HTTP/1.1 200 OK\r\n\r\n" + b"b" * (answer.LARGEST_ANSWER + 1),
    ],
)
def test_what_is_not_plainly_an_answer_is_refused(odd: bytes) -> None:
    with pytest.raises(NoAnswer):
        Reading().feed(odd)
