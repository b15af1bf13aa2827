"""Engagement: by what messages belong to, and of one segment alone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from segmind import clock
from segmind.db.engine import Store
from segmind.events import ingest
from segmind.events.ingest import NewEvent
from segmind.segments import membership
from segmind.ui.data import segments
from tests.pages.conftest import Open, assert_well, texts


@pytest.fixture
def told(ui: Store, shop: dict[str, int]) -> dict[str, int]:
    """Campaign 3 sent an e-mail to Mara and to Ida; Ida clicked. Everybody is counted."""
    now = clock.now()
    events = [
        NewEvent(
            None, name, now - timedelta(hours=hours), shop[who], channel=1, message_id=message,
            source_kind=1, source_id=3,
        )
        for name, hours, who, message in (
            ("message_sent", 9, "c-1", 1),
            ("message_sent", 9, "c-2", 2),
            ("message_delivered", 8, "c-2", 2),
            ("message_clicked", 7, "c-2", 2),
        )
    ]  # fmt: skip
    with ui.engine.begin() as conn:
        ingest.append(conn, events, now)
    membership.refresh(ui, now, [segment.id for segment in segments.listed()])
    return shop


def test_messages_of_a_segment_are_those_to_its_members(
    told: dict[str, int], open_page: Open
) -> None:
    app = open_page("engagement")
    assert_well(app)
    values = {metric.label: metric.value for metric in app.metric}
    assert (values["Sent"], values["Delivered"]) == ("2", "50.0%")
    app.selectbox(key="eng_to").set_value("Loyal customers").run()
    assert_well(app)
    values = {metric.label: metric.value for metric in app.metric}
    assert (values["Sent"], values["Clicked"]) == ("1", "100.0%")
    app.selectbox(key="eng_to").set_value("Cart abandoners").run()
    assert_well(app)
    assert "No messages to this segment in this period" in texts(app)


def test_messages_are_told_apart_by_campaign_step_variant_and_segment(
    told: dict[str, int], open_page: Open
) -> None:
    rows = {}
    for by in ("Campaign or automation", "Automation step", "Variant", "Segment"):
        app = open_page("engagement", eng_by=by)
        assert_well(app)
        table = app.dataframe[-1].value
        rows[by] = {name: int(sent) for name, sent in zip(table[by], table["Sent"], strict=True)}
    assert rows["Campaign or automation"] == {"Campaign 3": 2}
    assert rows["Automation step"] == {}
    assert rows["Variant"] == {"Campaign 3: only variant": 2}
    assert rows["Segment"]["Loyal customers"] == 1
    assert rows["Segment"]["Cart abandoners"] == 0
