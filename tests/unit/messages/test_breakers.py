"""Breakers: who fails is left alone, then asked by a few."""

from __future__ import annotations

from dataclasses import replace

from segmind.channels.outcome import Accepted, InDoubt, Outcome, Rejected, Retry
from segmind.messages.breakers import Breaker, Position

GOOD = Accepted("P1", 202)
BROKEN = InDoubt("It answered 503.", 503)
REFUSED = Retry("unreachable", "Nobody there.")
TOO_MANY = Retry("429", "Slowly.", 4.0, 429)
NO_KEY = Retry("401", "Bad key.", None, 401, pause_sender=True)


class Clock:
    def __init__(self) -> None:
        self.at = 1_000.0

    def __call__(self) -> float:
        return self.at


def made() -> tuple[Breaker, Clock]:
    clock = Clock()
    return Breaker("twilio", now=clock), clock


def heed(breaker: Breaker, *outcomes: Outcome) -> None:
    """Each a request of its own."""
    breaker.heed([replace(outcome) for outcome in outcomes])


def test_half_of_twenty_failures_open_it_and_nineteen_calls_do_not() -> None:
    breaker, _ = made()
    heed(breaker, *[BROKEN] * 10, *[GOOD] * 9)
    assert breaker.permit() is None
    heed(breaker, BROKEN)
    assert breaker.position is Position.OPEN
    assert breaker.permit() == 0
    assert breaker.shut_for() == 30.0


def test_failures_long_ago_are_forgotten() -> None:
    breaker, clock = made()
    heed(breaker, *[BROKEN] * 9)
    clock.at += 10.1
    heed(breaker, *[BROKEN] * 9, *[GOOD] * 10)
    assert breaker.position is Position.CLOSED


def test_five_connections_refused_in_a_row_open_it() -> None:
    breaker, _ = made()
    heed(breaker, *[REFUSED] * 4)
    heed(breaker, GOOD)
    heed(breaker, *[REFUSED] * 4)
    assert breaker.position is Position.CLOSED
    heed(breaker, REFUSED)
    assert breaker.position is Position.OPEN


def test_what_a_message_is_refused_for_is_not_the_providers_fault() -> None:
    breaker, _ = made()
    heed(breaker, *[Rejected("21211", "No number.", suppress=True, http_status=400)] * 100)
    heed(breaker, *[Retry("not_begun", "Not begun.", begun=False)] * 100)
    assert breaker.position is Position.CLOSED


def test_probes_double_until_it_closes_and_only_one_caller_has_them() -> None:
    breaker, clock = made()
    heed(breaker, *[BROKEN] * 20)
    clock.at += 30
    probes = []
    while (permitted := breaker.permit()) is not None:
        probes.append(permitted)
        assert breaker.permit() == 0  # they are given out already
        heed(breaker, *[GOOD] * permitted)
    assert probes == [1, 2, 4, 8, 16]
    assert breaker.position is Position.CLOSED


def test_a_failed_probe_doubles_the_pause_up_to_five_minutes() -> None:
    breaker, clock = made()
    heed(breaker, *[BROKEN] * 20)
    pauses = []
    for _ in range(6):
        pauses.append(breaker.shut_for())
        clock.at += breaker.shut_for()
        assert breaker.permit() == 1
        heed(breaker, BROKEN)
    assert pauses == [30, 60, 120, 240, 300, 300]


def test_probes_of_which_nothing_is_heard_are_given_out_again() -> None:
    breaker, clock = made()
    heed(breaker, *[BROKEN] * 20)
    clock.at += 30
    assert breaker.permit() == 1
    assert breaker.permit() == 0
    breaker.unused()
    assert breaker.permit() == 1
    clock.at += 90
    assert breaker.permit() == 1


def test_too_many_requests_pause_for_as_long_as_asked() -> None:
    breaker, clock = made()
    heed(breaker, *[TOO_MANY] * 20)
    assert breaker.shut_for() == 4.0
    assert breaker.throttled_share() == 1.0
    clock.at += 4
    assert breaker.permit() == 1
    heed(breaker, GOOD)
    assert breaker.permit() == 2


def test_a_probes_too_many_says_nothing_of_the_pace() -> None:
    breaker, clock = made()
    heed(breaker, *[TOO_MANY] * 20)
    clock.at += 4
    assert breaker.permit() == 1
    heed(breaker, TOO_MANY)  # one call: a limit learnt from it would be one a second
    assert breaker.throttled_share() == 0.0


def test_a_lone_too_many_changes_nothing() -> None:
    breaker, _ = made()
    heed(breaker, TOO_MANY, *[GOOD] * 99)
    assert breaker.permit() is None
    assert breaker.throttled_share() == 0.01


def test_a_refused_request_for_five_hundred_is_one_refusal() -> None:
    breaker, clock = made()
    for n in range(40):
        outcome = replace(TOO_MANY if n == 30 else GOOD)
        breaker.heed([outcome] * 500)
        clock.at += 0.2
    assert breaker.permit() is None
    assert breaker.throttled_share() == 1 / 40


def test_few_requests_teach_no_pace_however_many_they_were_for() -> None:
    breaker, _ = made()
    breaker.heed([replace(TOO_MANY)] * 500)
    assert breaker.throttled_share() == 0.0
    assert breaker.shut_for() == 4.0


def test_a_refused_set_up_opens_it_for_a_minute_at_once() -> None:
    breaker, clock = made()
    heed(breaker, NO_KEY)
    assert breaker.shut_for() == 60.0
    clock.at += 60
    assert breaker.permit() == 1
    heed(breaker, NO_KEY)
    assert breaker.shut_for() == 60.0


def test_the_pace_is_that_of_the_last_ten_seconds() -> None:
    breaker, clock = made()
    for _ in range(20):
        heed(breaker, *[GOOD] * 50)
        clock.at += 1
    assert 45 <= breaker.pace() <= 60
