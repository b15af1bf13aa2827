"""Dots with intervals: one scale for all, on which each can still be read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segmind.ui.charts.intervals import Interval, dots, goes_by_powers, said

EVEN = [Interval("a", 10.0, -5.0, 25.0), Interval("b", -3.0, -20.0, 14.0)]
PUSH = Interval("push", 127_000.0, -116_000.0, 371_000.0)


def width(figure: object, trace: int) -> float:
    low, high = figure.data[trace].x  # type: ignore[attr-defined]
    return float(high - low)


def test_one_very_cheap_send_does_not_press_the_others_into_a_point() -> None:
    others = [Interval("sms", 0.9, -1.1, 2.9), Interval("e-mail", 538.0, -1_200.0, 2_300.0)]
    assert goes_by_powers([PUSH, *others])
    figure = dots([PUSH, *others], "×", powers=True)
    shares = [width(figure, n) / width(figure, 0) for n in (1, 2)]
    assert min(shares) > 0.15  # on an even scale: 0.00001 and 0.007
    marks = dict(zip(figure.layout.xaxis.ticktext, figure.layout.xaxis.tickvals, strict=True))
    assert list(marks) == ["−100K×", "−100×", "0×", "100×", "100K×"]
    assert marks["100×"] == -marks["−100×"] > 0 == marks["0×"]


def test_effects_of_one_size_stay_on_an_even_scale_with_its_unit() -> None:
    assert not goes_by_powers(EVEN)
    figure = dots(EVEN, "$")
    assert width(figure, 0) == 30
    assert list(figure.layout.xaxis.ticktext) == ["−$20", "−$10", "$0", "$10", "$20"]
    assert list(figure.data[-1].text) == ["+$10", "−$3"]
    assert figure.data[-1].customdata[0] == "+$10, plausibly −$5 to +$25"


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [(1234.0, "$", "+$1.2K"), (-0.6, "×", "−0.60×"), (1.25, "%", "+1.25%"), (0.0, "$", "$0"),
     (-2500.0, "CHF", "−2.5K CHF")],
)  # fmt: skip
def test_a_difference_is_written_with_its_sign_before_its_unit(
    value: float, unit: str, words: str
) -> None:
    assert said(value, unit) == words


@given(st.floats(1e-6, 1e9))
def test_an_even_axis_has_one_or_two_marks_on_each_side(reach: float) -> None:
    figure = dots([Interval("a", 0.0, -reach, reach)], "")
    marks = figure.layout.xaxis.tickvals
    assert len(marks) in {3, 5}
    assert max(marks) <= reach < 3 * max(marks)


def test_intervals_of_nothing_at_all_are_drawn() -> None:
    figure = dots([Interval("nothing", 0.0, 0.0, 0.0)], "$")
    assert list(figure.layout.xaxis.ticktext) == ["$0"]
