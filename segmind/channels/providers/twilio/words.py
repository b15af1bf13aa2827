"""Twilio's words and error codes in ours."""

from __future__ import annotations

from typing import Final

from segmind.channels.delivery import Word

NAME: Final = "twilio"
STATUS: Final[dict[str, Word]] = {
    "accepted": Word.QUEUED,
    "scheduled": Word.QUEUED,
    "queued": Word.QUEUED,
    "sending": Word.QUEUED,
    "sent": Word.SENT,
    "delivered": Word.DELIVERED,
    "partially_delivered": Word.DELIVERED,
    "read": Word.OPENED,
    "undelivered": Word.BOUNCED_SOFT,
    "failed": Word.FAILED,
    "canceled": Word.FAILED,
}
#: What Twilio's Advanced Opt-Out made of a reply.
OPT_OUT_TYPE: Final = {
    "STOP": Word.INBOUND_STOP,
    "START": Word.INBOUND_START,
    "HELP": Word.INBOUND_HELP,
}
#: Error codes that mean that the number itself will never work, or must not be used.
DEAD_NUMBER: Final[dict[int, str]] = {
    21211: "This is not a phone number",
    21610: "The recipient replied STOP",
    21614: "This is not a mobile number",
    21635: "This is a landline",
    30006: "This is a landline, or the carrier cannot reach it",
}
#: Proved not sent, worth another try; seconds to wait (None: what Twilio says, else our own pace).
LATER: Final[dict[int, float | None]] = {
    20429: None,
    21611: 900.0,
    30001: 900.0,
    63017: 60.0,
    63038: 900.0,
}
#: The set-up is at fault: nothing of this sender will pass until somebody corrects it.
SET_UP: Final = frozenset({20003, 20404, 21606, 21609, 21659, 21660, 21703, 30002, 30032, 30034})
#: The text is at fault, or the pair of sender and country.
REFUSED: Final[dict[int, str]] = {
    14103: "The text or its media cannot be sent",
    21408: "Texting this country is not enabled in the Twilio account",
    21602: "The text is empty",
    21612: "The sender cannot reach this number",
    21617: "The text is longer than 1,600 characters",
    21658: "The text is longer than the sender's country allows",
}
CONTENT: Final = frozenset({14103, 21602, 21617, 21658})
#: What a status callback's error means, beside ``DEAD_NUMBER``: final for the message, which was
#: handed over, and not the number's fault.
UNDELIVERED: Final[dict[int, str]] = {
    30001: "The sender's queue at Twilio was full",
    30002: "The Twilio account is suspended",
    30003: "The phone is switched off or out of reach",
    30004: "The recipient blocks such messages",
    30005: "The carrier does not know this number",
    30007: "The carrier filtered the message as spam",
    30008: "The carrier gave no reason",
    30022: "The brand's daily limit (10DLC) is used up",
    30032: "The toll-free sender is not verified",
    30034: "The sender is not registered for US traffic (10DLC)",
    30036: "It could not be delivered within its validity",
}
DAILY_CAP: Final = 63038
