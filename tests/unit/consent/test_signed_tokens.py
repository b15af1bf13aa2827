"""Tokens of links: ours are read, nothing else is."""

from __future__ import annotations

import uuid

from hypothesis import given
from hypothesis import strategies as st

from segmind.consent import signed, unsubscribe

KEY = b"k" * 32


@given(st.binary(max_size=40))
def test_a_token_gives_back_its_payload(payload: bytes) -> None:
    assert signed.read(KEY, "click", signed.sign(KEY, "click", payload)) == payload


@given(st.binary(min_size=1, max_size=40))
def test_a_token_is_good_for_one_use_and_one_key(payload: bytes) -> None:
    token = signed.sign(KEY, "click", payload)
    assert signed.read(KEY, "open", token) is None
    assert signed.read(b"other" * 8, "click", token) is None


@given(st.text(max_size=80))
def test_no_text_breaks_the_reader(text: str) -> None:
    assert signed.read(KEY, "click", text) is None


@given(st.binary(min_size=16, max_size=16), st.data())
def test_a_changed_letter_breaks_the_token(payload: bytes, data: st.DataObject) -> None:
    token = signed.sign(KEY, "click", payload)
    at = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.sampled_from("ABCabc019-_."))
    changed = token[:at] + letter + token[at + 1 :]
    read = signed.read(KEY, "click", changed)
    # The last letters of base64 carry spare bits: another spelling, the same payload.
    assert read is None or (read == payload)


def test_an_unsubscribe_token_names_its_message() -> None:
    message = uuid.uuid4()
    token = unsubscribe.token(KEY, message)
    assert unsubscribe.read_token(KEY, token) == message
    assert unsubscribe.read_token(KEY, signed.sign(KEY, "unsubscribe", b"short")) is None
