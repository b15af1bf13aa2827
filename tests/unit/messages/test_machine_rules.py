"""Signs that no human opened or clicked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segmind.messages.machines import HIDDEN, Act, judge
from segmind.workspace.product_settings import MachineRules

ARRIVED = datetime(2026, 3, 2, 12, tzinfo=UTC)
RULES = MachineRules()
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64) Firefox/150.0"


def after(seconds: float) -> datetime:
    return ARRIVED + timedelta(seconds=seconds)


def one(act: Act, links: int = 0) -> bool:
    return judge([act], arrived=ARRIVED, links=links, rules=RULES)[0]


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        (Act(after(60), "a", FIREFOX), False),
        (Act(after(5), "a", FIREFOX), True),  # quick
        (Act(after(5.5), "a", FIREFOX), False),
        (Act(after(-10), "a", FIREFOX), True),  # before it was delivered
        (Act(after(60), "a", "Mozilla/5.0 SafeLinks"), True),
        (Act(after(60), None, "GoogleImageProxy"), True),
        (Act(after(60), "a", ""), True),
        (Act(after(60), "a", FIREFOX, "HEAD"), True),
        (Act(after(60), "a", None), False),  # a provider's report
        (Act(after(60), None, None, told=True), True),
        (Act(ARRIVED, "a", FIREFOX), False),  # the product's clock stands still
    ],
)
def test_one_act_is_judged_by_itself(act: Act, expected: bool) -> None:
    assert one(act) is expected


def test_several_links_within_seconds_are_a_scanners() -> None:
    burst = [Act(after(60 + n), url, FIREFOX) for n, url in enumerate("abc")]
    late = Act(after(300), "a", FIREFOX)
    opened = Act(after(61), None, FIREFOX)
    verdicts = judge([*burst, late, opened], arrived=ARRIVED, links=9, rules=RULES)
    assert verdicts == [True, True, True, False, False]


def test_all_of_a_messages_links_at_once_are_a_scanners() -> None:
    both = [Act(after(60), "a", FIREFOX), Act(after(61), "b", FIREFOX)]
    assert judge(both, arrived=ARRIVED, links=2, rules=RULES) == [True, True]
    assert judge(both, arrived=ARRIVED, links=3, rules=RULES) == [False, False]
    assert judge(both[:1], arrived=ARRIVED, links=1, rules=RULES) == [False]


def test_who_follows_the_hidden_link_is_none_of_those_who_see_the_e_mail() -> None:
    trap = Act(after(300), HIDDEN, FIREFOX)
    beside, later = Act(after(302), "a", FIREFOX), Act(after(3_000), "a", FIREFOX)
    judged = judge([trap, beside, later], arrived=ARRIVED, links=9, rules=RULES)
    assert judged == [True, True, False]


acts = st.lists(
    st.builds(
        Act,
        st.integers(-20, 400).map(after),
        st.sampled_from(["a", "b", "c", HIDDEN, None]),
        st.sampled_from([FIREFOX, None, ""]),
    ),
    max_size=8,
)


@given(acts, st.randoms(use_true_random=False))
def test_the_order_of_reports_does_not_matter(given_acts: list[Act], random: object) -> None:
    judged = judge(given_acts, arrived=ARRIVED, links=3, rules=RULES)
    order = list(range(len(given_acts)))
    random.shuffle(order)  # type: ignore[attr-defined]
    shuffled = judge([given_acts[n] for n in order], arrived=ARRIVED, links=3, rules=RULES)
    assert shuffled == [judged[n] for n in order]
