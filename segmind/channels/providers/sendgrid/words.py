"""SendGrid's words in ours."""

from __future__ import annotations

from typing import Final

from segmind.channels.delivery import Word

NAME: Final = "sendgrid"
EVENT: Final[dict[str, Word]] = {
    "processed": Word.SENT,
    "deferred": Word.QUEUED,
    "delivered": Word.DELIVERED,
    "bounce": Word.BOUNCED_HARD,
    "dropped": Word.FAILED,
    "open": Word.OPENED,
    "click": Word.CLICKED,
    "spamreport": Word.COMPLAINED,
    "unsubscribe": Word.UNSUBSCRIBED,
    "group_unsubscribe": Word.UNSUBSCRIBED,
    # group_resubscribe is ignored: consent comes back by our own forms only, with its evidence.
}
#: Why SendGrid drops an e-mail unsent, and whether the address must not be used again. What is
#: not listed ("Invalid SMTPAPI header", "Spam Content", "Recipient List over Package Quota") is
#: the sender's fault.
DROPPED: Final[dict[str, str]] = {
    "bounced address": "It bounced before",
    "unsubscribed address": "The recipient unsubscribed",
    "spam reporting address": "The recipient reported spam",
    "invalid": "This is not an address",
    "invalid address": "This is not an address",
}
