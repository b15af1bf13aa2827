"""The moves that there are, and the reducer of delivery."""

from __future__ import annotations

import functools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segmind.messages import lifecycle, retry
from segmind.messages.lifecycle import MOVES, Delivery, State, furthest

reports = st.lists(st.sampled_from(list(Delivery)), max_size=8)


@given(reports, st.randoms(use_true_random=False))
def test_reports_in_any_order_and_number_say_the_same(
    said: list[Delivery], draw: random.Random
) -> None:
    start = Delivery.NONE
    in_order = functools.reduce(furthest, said, start)
    shuffled = said + draw.choices(said, k=3) if said else []
    draw.shuffle(shuffled)
    assert functools.reduce(furthest, shuffled, start) is in_order


@given(*[st.sampled_from(list(Delivery))] * 3)
def test_the_reducer_is_a_join(a: Delivery, b: Delivery, c: Delivery) -> None:
    assert furthest(a, a) is a
    assert furthest(a, b) is furthest(b, a)
    assert furthest(furthest(a, b), c) is furthest(a, furthest(b, c))


def test_proof_of_sending_beats_a_failure_and_a_bounce_beats_a_delivery() -> None:
    assert furthest(Delivery.FAILED, Delivery.SENT) is Delivery.SENT
    assert furthest(Delivery.SENT, Delivery.FAILED) is Delivery.SENT
    assert furthest(Delivery.DELIVERED, Delivery.BOUNCED) is Delivery.BOUNCED


def test_an_accepted_message_never_moves_again() -> None:
    assert MOVES[State.ACCEPTED] == frozenset()


def test_every_state_is_reachable_from_ready_and_every_move_is_named() -> None:
    assert set(MOVES) == set(State)
    seen, front = {State.READY}, {State.READY}
    while front:
        front = {after for before in front for after in MOVES[before]} - seen
        seen |= front
    assert seen == set(State)


def test_only_a_call_under_way_can_fall_into_doubt() -> None:
    assert {s for s in State if State.IN_DOUBT in MOVES[s]} == {State.DISPATCHING}


def test_an_illegal_move_says_which() -> None:
    with pytest.raises(lifecycle.IllegalMove, match="ACCEPTED to READY"):
        lifecycle.require_move(State.ACCEPTED, State.READY)


@given(st.integers(0, 40), st.integers())
def test_waits_grow_within_bounds(attempts: int, seed: int) -> None:
    wait = retry.DEFAULT.wait(attempts, None, random.Random(seed)).total_seconds()
    assert 0 <= wait <= min(900.0, 2.0 * 2**attempts)


@given(st.floats(0, 1e6), st.integers())
def test_a_providers_wish_is_kept_but_clamped(asked: float, seed: int) -> None:
    wait = retry.DEFAULT.wait(1, asked, random.Random(seed)).total_seconds()
    clamped = min(asked, 900.0)
    assert clamped - 1e-6 <= wait <= clamped + max(1.0, clamped / 10) + 1e-6
