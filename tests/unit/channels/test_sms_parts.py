"""Text messages are counted as carriers count them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segmind.channels import sms_parts
from tests.trying import examples


@pytest.mark.parametrize(
    ("text", "encoding", "parts"),
    [
        ("", "GSM-7", 0),
        ("a" * 160, "GSM-7", 1),
        ("a" * 161, "GSM-7", 2),
        ("a" * 306, "GSM-7", 2),
        ("a" * 307, "GSM-7", 3),
        ("€" * 80, "GSM-7", 1),
        ("€" * 81, "GSM-7", 2),
        ("👍" * 35, "UCS-2", 1),
        ("👍" * 36, "UCS-2", 2),
        ("👍" * 67, "UCS-2", 3),  # a pair is never split: 33 of them fit in a part, not 33.5
        ("ж" * 70, "UCS-2", 1),
        ("ж" * 71, "UCS-2", 2),
        ("a" * 152 + "€" + "a" * 151, "GSM-7", 2),
        ("a" * 152 + "€" + "a" * 152, "GSM-7", 3),  # 306 units, but the pair moves whole
    ],
)
def test_the_known_vectors_take_the_known_parts(text: str, encoding: str, parts: int) -> None:
    size = sms_parts.count(text)
    assert (size.encoding, size.parts) == (encoding, parts)


def test_a_smart_quote_is_named_as_what_makes_the_text_unicode() -> None:
    size = sms_parts.count("It’s “on” — now")
    assert size.encoding == "UCS-2"
    assert size.unicode_because == ("’", "“", "”", "—")
    assert sms_parts.count(sms_parts.plain("It’s “on” — now")).encoding == "GSM-7"


def test_units_left_tells_how_much_fits_without_another_part() -> None:
    assert sms_parts.count("a" * 150).units_left == 10
    assert sms_parts.count("a" * 161).units_left == 306 - 161
    assert sms_parts.count("ж" * 60).units_left == 10


@given(st.text(max_size=400))
@settings(max_examples=examples(60), deadline=None)
def test_one_more_character_never_takes_fewer_parts_of_the_same_encoding(text: str) -> None:
    before, after = sms_parts.count(text), sms_parts.count(text + "a")
    assert after.parts >= before.parts
    assert after.parts - before.parts <= 1
    assert after.characters == len(text) + 1
