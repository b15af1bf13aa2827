"""Every reason, class and code has a sentence."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from segmind.audiences.waterfall import Reason as LeftOut
from segmind.channels.providers import fcm, twilio
from segmind.consent.reasons import Reason
from segmind.messages import explained
from segmind.messages.doubt_policy import NEEDS_ATTENTION
from segmind.messages.explained import (
    CLASSES,
    CODES,
    MAIL_STATUS,
    SKIPPED,
    of_code,
    of_receipt,
    reason_label,
)
from segmind.messages.status_words import CANCELLED
from segmind.settings import ROOT

_MESSAGES = ROOT / "segmind" / "messages"
_PROVIDERS = ROOT / "segmind" / "channels" / "providers"


def test_every_reason_of_the_gate_is_explained() -> None:
    assert set(Reason) <= set(SKIPPED)
    assert CANCELLED in SKIPPED
    assert LeftOut.HOLDOUT in SKIPPED


def test_every_class_of_the_outbox_is_explained() -> None:
    written = _found(_MESSAGES, r"error_class ?= ?['\"](\w+)['\"]")
    written |= _found(_MESSAGES, r"_later\([^)]*?\"(\w+)\"")
    assert {"rejected", "exhausted", "in_doubt", "render"} <= written
    assert written | {NEEDS_ATTENTION} <= set(CLASSES)


def test_every_code_that_a_provider_s_table_names_is_explained() -> None:
    named = {str(code) for code in (*twilio.DEAD_NUMBER, *twilio.LATER, *twilio.SET_UP)}
    named |= {*fcm.DEAD_TOKEN, *fcm.SET_UP, str(twilio.DAILY_CAP)}
    named |= _found(_PROVIDERS, r"(?:Retry|Rejected)\(\s*\"(\w+)\"")
    assert {"unreachable", "not_begun", "wrong_content", "429"} <= named
    assert named <= set(CODES), sorted(named - set(CODES))


@pytest.mark.parametrize(
    "table", [SKIPPED, CLASSES, CODES, MAIL_STATUS], ids=["skipped", "classes", "codes", "mail"]
)
def test_what_is_said_is_whole_sentences(table: dict[str, explained.Explained]) -> None:
    for key, said in table.items():
        for words in (said.why, said.then):
            assert words[0].isupper(), (key, words)
            assert words.endswith("."), (key, words)


def test_every_error_of_a_callback_is_explained_and_none_promises_another_try() -> None:
    for code in twilio.UNDELIVERED:
        said = of_receipt(str(code))
        assert said is not None, code
        assert "tried again by itself" not in said.then


def test_a_bounce_is_told_in_words_by_what_the_mail_server_said() -> None:
    for status, why in (("5.1.1", "no such mailbox"), ("4.2.2", "full"), ("5.7.26", "SPF, DKIM")):
        said = of_receipt(status)
        assert said is not None
        assert why in said.why
    assert of_receipt("5.1.1") == of_receipt("4.1.1")
    assert of_receipt("5.99.1") is None
    assert of_receipt(None) is None


def test_a_code_is_told_before_its_class_and_what_is_unknown_by_its_name() -> None:
    assert of_code("30007", "rejected") is CODES["30007"]
    assert of_code("99999", "rejected") is CLASSES["rejected"]
    assert of_code("99999", None) is None
    assert reason_label("suppressed").startswith("The address is suppressed")
    assert reason_label("left_for_mars") == "left for mars"


def _found(folder: Path, pattern: str) -> set[str]:
    return {
        found
        for file in sorted(folder.rglob("*.py"))
        for found in re.findall(pattern, file.read_text(), re.DOTALL)
    }
