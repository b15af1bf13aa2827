"""SMS by Twilio.

The SDK builds the requests, names the errors and checks signatures. Its own HTTP client is not
used: it hands one thread another's answer, waits for ever by default, and logs numbers.
"""

from segmind.channels.providers.twilio.provider import Twilio
from segmind.channels.providers.twilio.settings import TwilioSettings
from segmind.channels.providers.twilio.words import (
    DAILY_CAP,
    DEAD_NUMBER,
    LATER,
    SET_UP,
    UNDELIVERED,
)

__all__ = [
    "DAILY_CAP",
    "DEAD_NUMBER",
    "LATER",
    "SET_UP",
    "UNDELIVERED",
    "Twilio",
    "TwilioSettings",
]
