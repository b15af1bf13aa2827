"""Addresses: one normal form, the same on strings and on columns; hashes and masks."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from segmind.consent import addresses
from segmind.events.schema import Channel
from tests.trying import examples

near_addresses = st.one_of(
    st.text(max_size=40),
    st.from_regex(r"[ \t]?[A-Za-z.é+_-]{0,70}@[A-Za-zß.0-9-]{0,30}[ \n]?", fullmatch=True),
    st.from_regex(r"(\+|00)?[0-9 ().-]{0,20}", fullmatch=True),
)


@settings(max_examples=examples(50))
@given(st.lists(near_addresses, min_size=1, max_size=20), st.sampled_from(list(Channel)))
@example(["a\x1c@b.co", "a\x85b@c.de", "a@b.co\n", "İ@x.com", "ẞ@x.com"], Channel.EMAIL)
def test_columns_and_strings_agree(texts: list[str], channel: Channel) -> None:
    frame = pl.DataFrame({"a": texts}, schema={"a": pl.String()})
    out = frame.select(n=addresses.normal_form(channel, pl.col("a"))).with_columns(
        v=addresses.validity(channel, pl.col("n"))
    )
    assert out["n"].to_list() == [addresses.normalise(channel, t) for t in texts]
    assert out["v"].to_list() == [addresses.is_valid(channel, t) for t in texts]


@given(near_addresses, st.sampled_from(list(Channel)))
def test_normalising_twice_changes_nothing(text: str, channel: Channel) -> None:
    once = addresses.normalise(channel, text)
    assert addresses.normalise(channel, once) == once


@pytest.mark.parametrize(
    ("channel", "address", "valid"),
    [
        ("email", "Ada.Lovelace+news@Example.co.uk", True),
        ("email", "ada@bücher.example", True),
        ("email", "ada@localhost", False),
        ("email", "ada@@example.com", False),
        ("email", ".ada@example.com", False),
        ("email", "ada@example..com", False),
        ("email", "ada example@example.com", False),
        ("email", "x" * 65 + "@example.com", False),
        ("sms", "+49 (170) 123-45 67", True),
        ("sms", "0049 170 1234567", True),
        ("sms", "0170 1234567", False),
        ("sms", "+0123456789", False),
        ("push", "a-token", True),
        ("push", "a token", False),
    ],
)
def test_what_can_be_an_address(channel: str, address: str, valid: bool) -> None:
    assert addresses.is_valid(channel, address) is valid


def test_a_hash_depends_on_key_channel_and_normal_form_only() -> None:
    key = addresses.address_key(b"s" * 32)
    one = addresses.address_hash(key, "email", " Ada@Example.com ")
    assert one == addresses.address_hash(key, "email", "ada@example.com")
    assert one != addresses.address_hash(key, "push", "ada@example.com")
    other = addresses.address_key(b"t" * 32)
    assert one != addresses.address_hash(other, "email", "ada@example.com")
    assert addresses.address_hashes(key, "email", pl.Series(["ada@example.com"])) == [one]


def test_a_masked_address_shows_little() -> None:
    assert addresses.masked("email", "ada@example.com") == "a***@example.com"
    assert addresses.masked("sms", "+491701234567") == "+49*****67"
    assert addresses.masked("push", None) == "unknown"
