from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from segmind.db.engine import Store
from segmind.errors import InvalidInput, NotFound
from segmind.workspace import members, sign_ins
from segmind.workspace.members import LastOwner, Member, MemberExists, SetUpAlready
from segmind.workspace.passwords import WeakPassword
from segmind.workspace.permissions import Role
from segmind.workspace.sign_ins import Refused, SignedIn
from segmind.workspace.tables import member, sign_in

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
PASSWORD = "correct horse battery"


def _owner(store: Store, email: str = "ann@example.com") -> Member:
    with store.engine.begin() as conn:
        return members.create_first(conn, email=email, name="Ann", password=PASSWORD, now=NOW)


def _add(store: Store, email: str, role: str) -> Member:
    with store.engine.begin() as conn:
        return members.create(
            conn, email=email, name="", role=role, password=PASSWORD, actor="ann", now=NOW
        )


def _try(store: Store, password: str, now: datetime = NOW, address: str = "10.0.0.1") -> object:
    return sign_ins.sign_in_with_password(store, "Ann@example.com ", password, address, now)


def test_only_one_can_be_first_however_many_try(store: Store) -> None:
    def first(n: int) -> str:
        try:
            return _owner(store, f"ann{n}@example.com").email
        except SetUpAlready:
            return "refused"

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(first, range(4)))
    assert answers.count("refused") == 3


def test_the_last_owner_can_neither_leave_nor_step_down(store: Store) -> None:
    ann = _owner(store)
    _add(store, "bob@example.com", "admin")
    with store.engine.begin() as conn:
        with pytest.raises(LastOwner):
            members.remove(conn, ann.id, actor="ann")
        with pytest.raises(LastOwner):
            members.change(conn, ann.id, actor="ann", role="viewer")
        with pytest.raises(LastOwner):
            members.change(conn, ann.id, actor="ann", is_active=False)
    cem = _add(store, "cem@example.com", "owner")
    with store.engine.begin() as conn:
        members.remove(conn, ann.id, actor="cem")
        with pytest.raises(LastOwner):
            members.remove(conn, cem.id, actor="cem")


def test_two_owners_removing_each_other_leave_one(store: Store) -> None:
    ann = _owner(store)
    bob = _add(store, "bob@example.com", "owner")

    def remove(member_id: int) -> str:
        try:
            with store.engine.begin() as conn:
                members.remove(conn, member_id, actor="x")
        except LastOwner:
            return "refused"
        return "removed"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(remove, [ann.id, bob.id])) == ["refused", "removed"]


@pytest.mark.parametrize("email", ["", "ann", "a@b", "a b@example.com", "a@exa\0mple.com", "@x.de"])
def test_what_is_no_address_is_refused(store: Store, email: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        _owner(store, email)
    assert caught.value.field == "email"


@pytest.mark.parametrize("password", ["short", "a" * 50, "x" * 201, "ann@example.com"])
def test_a_weak_password_is_refused(store: Store, password: str) -> None:
    with store.engine.begin() as conn, pytest.raises(WeakPassword):
        members.create_first(conn, email="ann@example.com", name="", password=password, now=NOW)


def test_an_address_is_taken_whatever_its_case(store: Store) -> None:
    _owner(store)
    with pytest.raises(MemberExists):
        _add(store, "ANN@Example.com", "viewer")


def test_a_password_is_kept_as_an_argon2id_hash(store: Store) -> None:
    _owner(store)
    with store.engine.begin() as conn:
        stored = conn.execute(select(member.c.password_hash)).scalar_one()
    assert stored.startswith("$argon2id$")
    assert PASSWORD not in stored


def test_a_sign_in_lasts_until_it_expires_or_ends(store: Store) -> None:
    _owner(store)
    answer = _try(store, PASSWORD)
    assert isinstance(answer, SignedIn)
    with store.engine.begin() as conn:
        assert conn.execute(select(sign_in.c.token_hash)).scalar_one() != answer.token
        found = sign_ins.who(conn, answer.token, NOW + timedelta(hours=11))
        assert found is not None
        assert found.role is Role.OWNER
        assert sign_ins.who(conn, answer.token, NOW + timedelta(hours=12)) is None
        assert sign_ins.who(conn, "nonsense", NOW) is None
        assert sign_ins.who(conn, None, NOW) is None
        sign_ins.end(conn, answer.token)
        assert sign_ins.who(conn, answer.token, NOW) is None


def test_role_and_activity_are_read_anew_at_every_look(store: Store) -> None:
    _owner(store)
    bob = _add(store, "bob@example.com", "viewer")
    with store.engine.begin() as conn:
        token = sign_ins.start(conn, bob, NOW).token
        members.change(conn, bob.id, actor="ann", role="marketer")
        found = sign_ins.who(conn, token, NOW)
        assert found is not None
        assert found.role is Role.MARKETER
        members.change(conn, bob.id, actor="ann", is_active=False)
        assert sign_ins.who(conn, token, NOW) is None
        members.change(conn, bob.id, actor="ann", is_active=True)
        assert sign_ins.who(conn, token, NOW) is None


def test_a_new_password_ends_every_sign_in(store: Store) -> None:
    ann = _owner(store)
    with store.engine.begin() as conn:
        token = sign_ins.start(conn, ann, NOW).token
        members.set_password(conn, ann.id, "another good password", actor="ann")
        assert sign_ins.who(conn, token, NOW) is None
    assert isinstance(_try(store, PASSWORD), Refused)
    assert isinstance(_try(store, "another good password"), SignedIn)


def test_guessing_is_stopped_and_the_right_password_waits_too(store: Store) -> None:
    _owner(store)
    for _ in range(sign_ins.FREE_OF_PAIR):
        answer = _try(store, "wrong password")
        assert isinstance(answer, Refused)
        assert answer.retry_at is None
    answer = _try(store, PASSWORD)
    assert isinstance(answer, Refused)
    assert answer.retry_at == NOW + timedelta(seconds=1)
    assert isinstance(_try(store, PASSWORD, address="10.9.9.9"), SignedIn)
    assert isinstance(_try(store, PASSWORD, answer.retry_at), SignedIn)
    assert isinstance(_try(store, PASSWORD), SignedIn)


def test_parallel_guesses_count_as_well(store: Store) -> None:
    _owner(store)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: _try(store, "wrong password"), range(16)))
    looked_at = [a for a in answers if isinstance(a, Refused) and a.retry_at is None]
    assert len(looked_at) == sign_ins.FREE_OF_PAIR


def test_waits_double_up_to_a_quarter_of_an_hour() -> None:
    waits = [sign_ins.wait_after(n, 5).total_seconds() for n in (0, 4, 5, 6, 7, 100)]
    assert waits == [0, 0, 1, 2, 4, 900]


@pytest.mark.parametrize("email", ["nobody@example.com", "\0", "' OR 1=1 --", "x" * 10_000])
def test_an_unknown_account_hears_what_a_wrong_password_hears(store: Store, email: str) -> None:
    _owner(store)
    unknown = sign_ins.sign_in_with_password(store, email, PASSWORD, "10.0.0.2", NOW)
    assert unknown == _try(store, "wrong password")


def test_removing_a_member_removes_the_sign_ins(store: Store) -> None:
    _owner(store)
    bob = _add(store, "bob@example.com", "admin")
    with store.engine.begin() as conn:
        sign_ins.start(conn, bob, NOW)
        members.remove(conn, bob.id, actor="ann")
        assert conn.execute(select(func.count()).select_from(sign_in)).scalar() == 0
        with pytest.raises(NotFound):
            members.get(conn, bob.id)
