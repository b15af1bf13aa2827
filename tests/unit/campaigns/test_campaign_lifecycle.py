"""The table of legal moves of a campaign."""

from __future__ import annotations

import pytest

from segmind.campaigns.lifecycle import FINAL, MOVES, IllegalMove, Status, may, require, sources_of


def test_every_status_has_a_line_in_the_table() -> None:
    assert set(MOVES) == set(Status)


def test_what_was_sent_or_cancelled_stays_so() -> None:
    assert {Status.SENT, Status.CANCELLED} == FINAL


def test_every_status_but_the_first_can_be_reached_from_a_draft() -> None:
    reached, ahead = set(), [Status.DRAFT]
    while ahead:
        status = ahead.pop()
        if status not in reached:
            reached.add(status)
            ahead.extend(MOVES[status])
    assert reached == set(Status)


def test_everything_that_is_not_final_can_be_cancelled() -> None:
    assert set(sources_of(Status.CANCELLED)) == set(Status) - FINAL


def test_nothing_can_be_sent_without_having_been_launched() -> None:
    assert set(sources_of(Status.SENDING)) == {Status.LAUNCHING, Status.PAUSED}
    assert set(sources_of(Status.SENT)) == {Status.SENDING}


def test_an_illegal_move_says_what_is_possible() -> None:
    assert not may(Status.SENT, Status.SENDING)
    with pytest.raises(IllegalMove, match="sent campaign cannot become sending") as caught:
        require(Status.SENT, Status.SENDING)
    assert "nothing any more" in caught.value.hint
