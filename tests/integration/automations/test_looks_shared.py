"""Automations whose turns come together share a look, and none acts on an old one."""

from __future__ import annotations

from typing import Any

import pytest

from segmind.automations import look
from segmind.automations.look import Looks


def test_a_look_is_shared_for_a_moment_and_then_made_anew(
    shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = shop.customer()
    monkeypatch.setattr(look, "SHARED_FOR", 60.0)
    looks = Looks(shop.store, lambda: shop.at(1))
    first = looks.present()
    shop.did(ada, 1, "checkout_started")
    assert looks.present() is first
    monkeypatch.setattr(look, "SHARED_FOR", 0.0)
    looks = Looks(shop.store, lambda: shop.at(1))
    second = looks.present()
    shop.did(ada, 1, "order_completed")
    heights = [each.facts.log.rows.recent.height for each in (first, second, looks.present())]
    assert heights == [0, 1, 2]


def test_what_was_committed_before_a_look_began_is_in_its_facts(shop: Any) -> None:
    ada = shop.customer()
    shop.did(ada, 1, "checkout_started")
    seen = Looks(shop.store, lambda: shop.at(1)).present()
    assert seen.facts.log.rows.recent["received_at"].max() == shop.at(1) == seen.now
    assert seen.begun <= shop.rows("SELECT clock_timestamp()")[0][0]
