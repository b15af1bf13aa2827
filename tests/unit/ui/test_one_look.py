"""All figures of a page are of one snapshot of the facts."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Thread

import pytest

from segmind.ui.data import facts


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[object]]:
    """Every read of the facts, each another object."""
    made: list[object] = []

    def read(store: object) -> object:
        del store
        made.append(object())
        return made[-1]

    monkeypatch.setattr(facts, "read_facts", read)
    monkeypatch.setattr(facts, "store", object)
    yield made


def test_a_run_of_a_page_reads_the_facts_once(looks: list[object]) -> None:
    with facts.one_look():
        assert facts.facts() is facts.facts()
    assert len(looks) == 1


def test_a_page_that_asks_for_no_facts_reads_none(looks: list[object]) -> None:
    with facts.one_look():
        pass
    assert looks == []


def test_the_next_run_reads_them_anew(looks: list[object]) -> None:
    for _ in range(2):
        with facts.one_look():
            facts.facts()
    assert len(looks) == 2


def test_a_fragment_on_its_own_reads_them_each_time(looks: list[object]) -> None:
    assert facts.facts() is not facts.facts()
    assert len(looks) == 2


def test_an_answer_found_behind_the_page_reads_for_itself(looks: list[object]) -> None:
    with facts.one_look():
        facts.facts()
        behind = Thread(target=facts.facts)
        behind.start()
        behind.join()
        facts.facts()
    assert len(looks) == 2


def test_a_run_that_fails_leaves_no_look_behind(looks: list[object]) -> None:
    with pytest.raises(RuntimeError), facts.one_look():
        facts.facts()
        raise RuntimeError
    facts.facts()
    assert len(looks) == 2
