"""Erasing while a campaign is being launched leaves no address behind and stops no launch."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from sqlalchemy import text

from segmind.campaigns import launch as launching
from segmind.campaigns.lifecycle import Status
from segmind.consent.addresses import address_key
from segmind.customers import erasure
from segmind.messages.erasure import forgetting
from tests.integration.campaigns.conftest import Desk

NO_TEST = None
TEST = {
    "variants": [{"content": {**Desk.email, "subject": "Another"}}],
    "share_percent": 50,
    "metric": "clicks",
    "hours": 4,
}


@pytest.mark.parametrize("moment", ["audience_of", "_put_in", "_complete"])
@pytest.mark.parametrize("test", [NO_TEST, TEST], ids=["one text", "a test"])
def test_an_erasure_within_a_launch_leaves_no_address(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, moment: str, test: dict[str, Any] | None
) -> None:
    desk.customers(9)
    campaign = desk.campaign(variant_test=test)
    key = address_key(desk.store.settings.secret_key)

    def erase() -> None:
        with desk.store.engine.begin() as conn:
            for each in conn.execute(
                text("SELECT min(id) FROM customer UNION SELECT max(id) FROM customer")
            ).scalars().all():  # fmt: skip
                erasure.erase(conn, each, desk.now, [forgetting(key, desk.now)])

    beside = threading.Thread(target=erase)
    step = getattr(launching, moment)

    def step_beside_an_erasure(*given: Any) -> Any:
        beside.start()  # it waits for the launch
        return step(*given)

    monkeypatch.setattr(launching, moment, step_beside_an_erasure)
    assert desk.launch(campaign) is Status.SENDING
    beside.join(10)
    assert not beside.is_alive()
    assert desk.recipients() + desk.waiting() == 9
    for table in ("recipient_portion", "customer"):
        found = desk.rows(f"SELECT t::text FROM {table} t WHERE t::text ~ 'c[19]@example'")
        assert found == [], table
    kept = desk.rows("SELECT unnest(addresses) AS address FROM recipient_portion")
    assert sum("@example" in str(row.address) for row in kept) == 7
