"""Plans of faults and noise: drawn by seed, told as data, refused with the place of the mistake."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from segmind.channels.channel import Channel
from segmind.channels.emulator.faults import (
    CALM,
    MIXED,
    NAMED,
    STORM,
    BadPlan,
    Fault,
    FaultPlan,
    Kind,
    of_json,
    plan_of,
    to_json,
)
from segmind.channels.emulator.noise import Noise
from segmind.errors import InvalidInput


def test_the_same_seed_draws_the_same_faults_in_any_order() -> None:
    forward = [MIXED.draw(7, n, Channel.SMS) for n in range(500)]
    backward = [MIXED.draw(7, n, Channel.SMS) for n in reversed(range(500))]
    assert forward == backward[::-1]
    assert forward != [MIXED.draw(8, n, Channel.SMS) for n in range(500)]


@pytest.mark.parametrize("plan", [MIXED, STORM])
def test_faults_come_in_their_shares(plan: FaultPlan) -> None:
    n = 20_000
    drawn = Counter(plan.draw(1, i, Channel.PUSH) for i in range(n))
    for fault in plan.faults:
        expected = n * fault.share
        assert abs(drawn[fault] - expected) < 5 * expected**0.5, fault
    assert CALM.draw(1, 1, Channel.SMS) is None


def test_a_fault_of_one_channel_leaves_the_others_alone() -> None:
    plan = FaultPlan("sms only", (Fault(Kind.ERROR, 1.0, channel=Channel.SMS),))
    assert plan.draw(0, 1, Channel.SMS) is not None
    assert plan.draw(0, 1, Channel.EMAIL) is None


def test_a_wait_lies_within_the_latency() -> None:
    plan = FaultPlan("slow", latency=(0.1, 0.3))
    waits = [plan.wait(3, n) for n in range(200)]
    assert 0.1 <= min(waits) < 0.12 < 0.28 < max(waits) <= 0.3
    assert CALM.wait(3, 1) == 0.0


def test_plans_come_back_from_json_by_name_or_from_a_file(tmp_path: Path) -> None:
    for plan in NAMED.values():
        assert of_json(json.loads(json.dumps(to_json(plan)))) == plan
        assert plan_of(plan.name) is plan
    own = FaultPlan("own", (Fault(Kind.DRIP, 0.5, channel=Channel.EMAIL),), (0.1, 0.2), {}, 3.0)
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(to_json(own)))
    assert plan_of(str(path)) == own
    assert plan_of(path.read_text()) == own


@pytest.mark.parametrize(
    ("data", "place"),
    [
        ([], None),
        ({"fault": []}, "fault"),
        ({"faults": 5}, "faults"),
        ({"faults": [{"kind": "too_many"}]}, "faults[0]"),
        ({"faults": [{"kind": "explodes", "share": 0.1}]}, "faults[0]"),
        ({"faults": [{"kind": "hang", "share": 0.1, "chanel": "sms"}]}, "faults[0].chanel"),
        ({"faults": [{"kind": "hang", "share": 0.6}, {"kind": "drip", "share": 0.6}]}, "faults"),
        ({"faults": [{"kind": "hang", "share": -1}]}, "faults"),
        ({"latency": [2, 1]}, "latency"),
        ({"per_second": {"fax": 1}}, None),
    ],
)
def test_a_bad_plan_is_refused_with_its_place(data: Any, place: str | None) -> None:
    with pytest.raises(BadPlan) as caught:
        of_json(data)
    assert caught.value.field == place


@pytest.mark.parametrize("text", ["nowhere.json", "{", "[]"])
def test_what_is_no_plan_at_all_is_refused(text: str) -> None:
    with pytest.raises(BadPlan):
        plan_of(text)


def test_noise_is_a_share() -> None:
    with pytest.raises(InvalidInput) as caught:
        Noise(forged=1.5)
    assert caught.value.field == "forged"
