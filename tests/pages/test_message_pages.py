"""Messages, one message, deliverability and doubts, as a marketer sees and uses them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from segmind import clock
from segmind.consent.addresses import address_key
from segmind.db.engine import Store
from segmind.messages import send_one, sources
from segmind.messages.send_one import SendRequest
from segmind.messages.sources import SourceKey
from segmind.templates.template import SmsDraft
from segmind.ui.data import messages, webhooks
from tests.pages.conftest import Open, assert_well, texts

#: What is written on a message's row, and what its page must say of it.
FATES: list[tuple[str, str]] = [
    ("state = 7, skip_reason = 'suppressed'", "The address is suppressed"),
    ("state = 7, skip_reason = 'no_consent'", "has not agreed to marketing"),
    ("state = 6, error_class = 'rejected', error_code = '21211'", "This is not a phone number"),
    ("state = 6, error_class = 'exhausted', error_message = 'Busy.'", "in as many tries as it has"),
    ("state = 5, error_class = 'needs_attention'", "Decide on the campaign's page"),
    ("state = 4, error_class = 'temporary', error_code = '429'", "fewer messages a second"),
    ("state = 8, skip_reason = 'quiet_hours'", "Its last moment passed"),
    ("state = 3, delivery = 5, sent_at = now()", "could not deliver it"),
]


def sent(store: Store, count: int = 1) -> list[int]:
    with store.engine.begin() as conn:
        key = address_key(store.settings.secret_key)
        return [
            send_one.send(
                conn,
                key,
                SendRequest(
                    channel="sms",
                    address=f"+1415555{n:04d}",
                    draft=SmsDraft(body="Hi"),
                    status_callback="https://hooks.example.com/x",
                ),
                clock.now(),
            ).id
            for n in range(count)
        ]


def write(store: Store, message_id: int, change: str) -> None:
    with store.engine.begin() as conn:
        conn.execute(text(f"UPDATE message SET {change} WHERE id = :id"), {"id": message_id})


def test_a_message_s_page_says_in_words_why_it_is_where_it_is(ui: Store, open_page: Open) -> None:
    ids = sent(ui, len(FATES))
    for message_id, (change, said) in zip(ids, FATES, strict=True):
        write(ui, message_id, change)
        app = open_page("message", id=message_id)
        assert_well(app)
        assert said in texts(app), (change, texts(app))
        assert "Put into the outbox" in texts(app)


def test_messages_are_found_by_address_and_status_and_turned_page_by_page(
    ui: Store, open_page: Open
) -> None:
    ids = sent(ui, 53)
    write(ui, ids[7], "state = 7, skip_reason = 'suppressed'")
    app = open_page("messages")
    assert_well(app)
    assert len(app.dataframe[0].value) == 50
    app.button(key="msg_older").click().run()
    assert len(app.dataframe[0].value) == 3
    assert app.button(key="msg_older").disabled
    app.button(key="msg_newer").click().run()
    assert len(app.dataframe[0].value) == 50
    app.text_input(key="msg_q").set_value("+14155550009").run()
    assert app.dataframe[0].value["To"].tolist() == ["+1 ••• 0009"]
    app = open_page("messages", msg_status="Skipped")
    assert app.dataframe[0].value["Status"].tolist() == ["skipped"]
    assert "No message fits" in texts(open_page("messages", msg_q="nobody@example.com"))
    assert "No message fits" in texts(open_page("messages", campaign=7))


# What a dialog's own button does is called here as the dialog calls it: AppTest presses no button
# inside a dialog.


def test_who_waits_for_his_turn_is_counted_above_the_messages(ui: Store, open_page: Open) -> None:
    sent(ui)
    with ui.engine.begin() as conn:
        conn.execute(
            text("""
                INSERT INTO recipient_portion (source_kind, source_id, channel, expires_at, size,
                    taken, template_version_id, customer_ids, addresses, address_hashes)
                SELECT 1, 7, 1, now(), 1_300, 66, 1, array_agg(n), array_agg(address), ''
                FROM generate_series(1::bigint, 1_300) n,
                     CAST('a@example.com' AS text) AS address
            """)
        )
    said = "Waiting for their turn: 1,234 recipients of Campaign 7."
    assert said in texts(open_page("messages"))
    assert said not in texts(open_page("messages", msg_status="Delivered"))
    with ui.engine.begin() as conn:
        sources.set_state(conn, 1, 7, "cancelled", "by hand", clock.now())
    messages.waiting.clear()
    assert "Waiting for their turn" not in texts(open_page("messages"))


def test_a_waiting_message_is_taken_back_from_its_page(ui: Store, open_page: Open) -> None:
    (message_id,) = sent(ui)
    app = open_page("message", id=message_id)
    app.button(key="msg_cancel").click().run()
    assert_well(app)
    assert "cannot be sent again" in texts(app)
    messages.cancel(messages.follow(message_id).message)
    app = open_page("message", id=message_id)
    assert "Its sender took it back before it left" in texts(app)
    assert "msg_cancel" not in {button.key for button in app.button}


def test_a_doubt_is_settled_from_the_message_s_page(ui: Store, open_page: Open) -> None:
    (message_id,) = sent(ui)
    write(ui, message_id, "state = 5, error_class = 'in_doubt'")
    app = open_page("message", id=message_id)
    assert {"msg_mark", "msg_resend"} <= {button.key for button in app.button}
    app.button(key="msg_resend").click().run()
    assert_well(app)
    assert "may get it twice" in texts(app)
    message = messages.follow(message_id).message
    source = SourceKey(message.source_kind, message.source_id)
    assert messages.mark_sent(source, [message_id]) == 1
    assert messages.follow(message_id).message.status == "accepted"


def test_the_webhook_settings_show_the_secret_once_and_refuse_our_own_network(
    ui: Store, open_page: Open
) -> None:
    secret = webhooks.new_secret()
    app = open_page("settings", set_tab="Webhooks", state={"set_fresh_secret": secret})
    assert_well(app)
    assert app.code[0].value == secret
    app.button(key="set_secret_copied").click().run()
    assert not app.code
    app.text_input(key="set_callback_url").set_value("https://10.0.0.1/x")
    save = next(each for each in app.button if each.label == "Save")
    save.click().run()
    assert any("public internet" in warning.value for warning in app.warning)
    with ui.engine.connect() as conn:
        assert conn.execute(text("SELECT count(*) FROM setting")).scalar() == 0


def test_a_campaign_in_doubt_offers_the_three_ways_out(
    ui: Store, shop: dict[str, int], open_page: Open
) -> None:
    ids = sent(ui, 3)
    with ui.engine.begin() as conn:
        campaign = conn.execute(
            text("""
                INSERT INTO campaign (name, channel, status, audience_size, launched_at,
                                      created_by, created_at, updated_at)
                VALUES ('Spring', 2, 'sending', 3, now(), 'test', now(), now()) RETURNING id
            """)
        ).scalar_one()
        change = "source_kind = 1, source_id = :id, state = 5, error_class = 'in_doubt'"
        conn.execute(
            text(f"UPDATE message SET {change} WHERE id = ANY(:ids)"),
            {"id": campaign, "ids": ids[:2]},
        )
    app = open_page("campaign", id=campaign)
    assert_well(app)
    assert "2 messages are in doubt" in texts(app)
    app.button(key="cmp_doubt_mark").click().run()
    assert_well(app)
    assert "are not sent again" in texts(app)
    assert messages.mark_sent(SourceKey(1, campaign), ids[:1]) == 1
    app = open_page("campaign", id=campaign)
    # The sandbox's book proves that it never had the other one: it goes out again.
    app.button(key="cmp_doubt_ask").click().run()
    assert_well(app)
    with ui.engine.connect() as conn:
        states: Any = conn.execute(
            text("SELECT state FROM message WHERE source_kind = 1 ORDER BY id")
        ).scalars()
        assert list(states) == [3, 4]
