"""The three ways to reach a customer."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Channel(StrEnum):
    """A way to reach a customer. The value is the word used in JSON, in the API and on screen."""

    EMAIL = "email"
    SMS = "sms"
    PUSH = "push"

    @property
    def code(self) -> int:
        """The channel's number in tables and in the event log (``events.schema.Channel``)."""
        return _CODES[self]

    @property
    def address_field(self) -> str:
        """The customer's field that holds the address: ``email``, ``phone`` or ``push_token``."""
        return _ADDRESS_FIELDS[self]

    @property
    def label(self) -> str:
        """The channel's name on screen."""
        return _LABELS[self]

    @classmethod
    def of_code(cls, code: int) -> Channel:
        """The channel with this number.

        Raises:
            ValueError: no channel has it.
        """
        for channel, number in _CODES.items():
            if number == code:
                return channel
        raise ValueError(f"No channel has the code {code}.")


_CODES: Final = {Channel.EMAIL: 1, Channel.SMS: 2, Channel.PUSH: 3}
_ADDRESS_FIELDS: Final = {
    Channel.EMAIL: "email",
    Channel.SMS: "phone",
    Channel.PUSH: "push_token",
}
_LABELS: Final = {Channel.EMAIL: "E-mail", Channel.SMS: "SMS", Channel.PUSH: "Push"}
