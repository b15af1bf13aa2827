from __future__ import annotations

import itertools

import pytest

from segmind.workspace.permissions import ALLOWED, Action, NotAllowed, Role, may, require


def test_each_role_may_all_that_the_roles_below_it_may() -> None:
    ladder = [ALLOWED[role] for role in (Role.VIEWER, Role.ANALYST, Role.MARKETER, Role.ADMIN)]
    ladder.append(ALLOWED[Role.OWNER])
    assert all(lower < higher for lower, higher in itertools.pairwise(ladder))


def test_every_role_and_every_action_is_decided() -> None:
    assert set(ALLOWED) == set(Role)
    assert ALLOWED[Role.OWNER] == set(Action)


def test_a_viewer_cannot_launch_and_an_unknown_role_can_do_nothing() -> None:
    assert may("marketer", Action.LAUNCH)
    assert not any(may("stranger", action) for action in Action)
    with pytest.raises(NotAllowed):
        require(Role.VIEWER, Action.LAUNCH)
