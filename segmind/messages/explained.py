"""Why a message did not simply arrive: every reason and code as a sentence, and what can be done.

Data, so that a test can hold it complete against the reasons of the gate, the classes of the outbox
and the codes of the providers. What a provider says beyond this table is shown in its own words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from segmind.consent.reasons import Reason
from segmind.messages.lifecycle import State
from segmind.messages.status_words import CANCELLED

if TYPE_CHECKING:
    from segmind.messages.queries import Message


@dataclass(frozen=True, slots=True)
class Explained:
    """``why``: one sentence. ``then``: what happens next by itself, or what a person can do."""

    why: str
    then: str


#: Why it was not sent on purpose: the gate's reasons, and what a person or a programme decided.
SKIPPED: Final[dict[str, Explained]] = {
    Reason.ERASED: Explained(
        "The customer was erased.", "Nothing can be sent to them, and nothing of them is kept."
    ),
    Reason.NO_ADDRESS: Explained(
        "The customer has no address on this channel.",
        "It is used as soon as the customer gives one; this message is not sent again.",
    ),
    Reason.INVALID_ADDRESS: Explained(
        "The address cannot be an address of this channel.",
        "Correct it in the customer's profile: an e-mail address, or a number with + and country.",
    ),
    Reason.NO_CONSENT: Explained(
        "The customer has not agreed to marketing on this channel.",
        "Only the customer can change that. Transactional messages do not need it.",
    ),
    Reason.SUPPRESSED: Explained(
        "The address is suppressed: it bounced for good, complained, or opted out.",
        "The customer's profile says which. After a complaint, leave it as it is.",
    ),
    Reason.GLOBAL_HOLDOUT: Explained(
        "The customer is in the global holdout: they get no marketing at all, on purpose.",
        "Nothing needs to be done; what all marketing causes is measured by them. Settings say how "
        "many they are; transactional messages are free of it.",
    ),
    Reason.QUIET_HOURS: Explained(
        "It was quiet hours where the customer lives.",
        "A message that can wait leaves when they end; one whose time is over by then is not sent.",
    ),
    Reason.NEVER_OPEN: Explained(
        "In every zone that the customer may live in, no hour was allowed by all.",
        "Give the customer's time zone, or make the quiet hours in Settings shorter.",
    ),
    Reason.FREQUENCY_CAP: Explained(
        "The customer was already contacted as often as Settings allow.",
        "The cap is by channel, day and week; transactional messages are free of it.",
    ),
    CANCELLED: Explained(
        "Its sender took it back before it left.",
        "Send a new message if it was taken back wrongly.",
    ),
    "holdout": Explained(
        "The customer was kept out on purpose, so that the effect can be measured.",
        "Nothing needs to be done; the report compares them with those who received it.",
    ),
    "excluded_segment": Explained(
        "The customer is in a segment that was left out.", "The campaign's audience says which."
    ),
    "duplicate_address": Explained(
        "Another customer has the same address.", "It was written to once, for the other one."
    ),
    "exit": Explained(
        "The customer left the automation before the message did.",
        "They had done what the message was to bring about, or did not fit any more.",
    ),
}

#: What went wrong, as the outbox classes it.
CLASSES: Final[dict[str, Explained]] = {
    "render": Explained(
        "The text could not be made for this customer.",
        "Correct the template: a value that it needs is missing or of another kind.",
    ),
    "temporary": Explained(
        "The provider could not take it just then; it was proved not sent.",
        "It is tried again, with growing pauses, until its last moment.",
    ),
    "setup": Explained(
        "The provider refuses this sender or its credentials.",
        "Correct them in Settings; what waits goes on by itself and loses no try.",
    ),
    "exhausted": Explained(
        "The provider could not take it in as many tries as it has.",
        "Look at the provider's state; send a new message when it works again.",
    ),
    "rejected": Explained(
        "The provider refused it for good.",
        "Its code says why; the same message is not tried again.",
    ),
    "content": Explained(
        "The provider refused the text itself, not the address.",
        "Correct the template; others of the same text fail alike, and the campaign pauses.",
    ),
    "in_doubt": Explained(
        "The provider was called and nobody knows whether it took the message.",
        "A receipt or a look-up settles it; it is never sent again without proof.",
    ),
    "needs_attention": Explained(
        "Neither a receipt nor the provider could prove whether it was sent.",
        "Decide on the campaign's page or here: mark it as sent, or send it again.",
    ),
}

_CORRECT = "Correct the customer's number; the address is suppressed until then."
_SETTINGS = "Correct the sender in Settings or at the provider; the messages wait meanwhile."
_AGAIN = "It is tried again by itself."
_NOT_AGAIN = "It is not tried again: repeating it makes carriers trust the sender less."

_NOTHING_MORE = "Nothing more happens to it; the next message to this address may arrive."
_WRONG_MAILBOX = "Correct the customer's address; after a hard bounce it is suppressed until then."
_SENDER_MAIL = "Look at the sender domain's SPF, DKIM and DMARC, and at what is sent to whom."
#: The provider had taken it: nothing that was handed over is handed over again by itself.
_HANDED_OVER = "It had been handed over, so it is not sent again by itself; a later one may arrive."

#: Codes of the providers, and our own for what happened on the way to them.
CODES: Final[dict[str, Explained]] = {
    "unreachable": Explained("No connection to the provider could be made.", _AGAIN),
    "not_begun": Explained("The batch was broken off; this one was not begun.", _AGAIN),
    "no_token": Explained("The provider's own sign-in did not answer.", _AGAIN),
    "wrong_content": Explained(
        "The text is written for another channel.", "Choose a template of this channel."
    ),
    "sender": Explained("The provider does not know the sender's address.", _SETTINGS),
    "400": Explained("The provider did not understand the request.", "Look at its words beside."),
    "401": Explained("The provider refuses the key.", _SETTINGS),
    "403": Explained("The key may not send.", _SETTINGS),
    "413": Explained("The message is larger than the provider takes.", "Shorten it."),
    "429": Explained("The provider asked for fewer messages a second.", _AGAIN),
    # Twilio
    "14103": Explained("The text or its media cannot be sent.", "Correct the template."),
    "20003": Explained("Twilio refuses the account or its token.", _SETTINGS),
    "20404": Explained("Twilio does not know the account.", _SETTINGS),
    "20429": Explained("Twilio asked for fewer calls a second.", _AGAIN),
    "21211": Explained("This is not a phone number.", _CORRECT),
    "21408": Explained(
        "Texting this country is not enabled at Twilio.", "Enable it in Twilio's geo permissions."
    ),
    "21609": Explained(
        "Twilio cannot call the address for receipts.",
        "Set SEGMIND_PUBLIC_URL to an address that Twilio reaches; the messages wait.",
    ),
    "21602": Explained("The text is empty.", "Correct the template."),
    "21606": Explained("The sender's number cannot send texts.", _SETTINGS),
    "21610": Explained(
        "The recipient replied STOP.", "The number is suppressed; only START ends it."
    ),
    "21611": Explained("The sender's queue at Twilio is full.", _AGAIN),
    "21612": Explained(
        "The sender cannot reach this number.", "Use a sender of the recipient's country."
    ),
    "21614": Explained("This is not a mobile number.", _CORRECT),
    "21617": Explained("The text is longer than 1,600 characters.", "Shorten the template."),
    "21635": Explained("This is a landline.", _CORRECT),
    "21658": Explained("The text is longer than the country allows.", "Shorten the template."),
    "21659": Explained("The sender is not a number of this Twilio account.", _SETTINGS),
    "21660": Explained("The sender belongs to another Twilio account.", _SETTINGS),
    "21703": Explained("The messaging service has no sender.", _SETTINGS),
    "30001": Explained("The sender's queue at Twilio was full.", _AGAIN),
    "30002": Explained("The Twilio account is suspended.", "Talk to Twilio; the messages wait."),
    "30003": Explained("The phone is switched off or out of reach.", _AGAIN),
    "30004": Explained("The recipient's phone or carrier blocks such messages.", _NOT_AGAIN),
    "30005": Explained(
        "The carrier does not know this number.", "After a second time the number is suppressed."
    ),
    "30006": Explained("This is a landline, or the carrier cannot reach it.", _CORRECT),
    "30007": Explained("The carrier filtered the message as spam.", _NOT_AGAIN),
    "30008": Explained("The carrier gave no reason.", _AGAIN),
    "30022": Explained("The brand's daily limit with the carrier is used up.", _AGAIN),
    "30032": Explained("The toll-free sender is not verified.", _SETTINGS),
    "30034": Explained("The sender is not registered for traffic in the US.", _SETTINGS),
    "30036": Explained(
        "It could not be delivered within its validity.", "Nothing; its time was over."
    ),
    "63017": Explained("Twilio's limit of messages a second was reached.", _AGAIN),
    "63038": Explained(
        "The account's daily limit at Twilio is used up.", "It goes on when the day is over."
    ),
    # FCM
    "UNREGISTERED": Explained(
        "The app was removed from the device.", "The device's token is forgotten."
    ),
    "SENDER_ID_MISMATCH": Explained(
        "The device's token belongs to another app.", "The device's token is forgotten."
    ),
    "INVALID_ARGUMENT": Explained("FCM did not understand the message.", "Correct the template."),
    "THIRD_PARTY_AUTH_ERROR": Explained("Apple's or the browser's key is wrong.", _SETTINGS),
    "PERMISSION_DENIED": Explained("The service account may not send.", _SETTINGS),
    "UNAUTHENTICATED": Explained("FCM refuses the service account.", _SETTINGS),
    "QUOTA_EXCEEDED": Explained("FCM asked for fewer messages a minute.", _AGAIN),
    "RESOURCE_EXHAUSTED": Explained("FCM asked for fewer messages a minute.", _AGAIN),
}

#: What a mail server's enhanced status says (RFC 3463), by its subject and detail: a bounce of
#: "5.1.1" and one of "4.1.1" differ in whether they are for good, which the receipt tells.
MAIL_STATUS: Final[dict[str, Explained]] = {
    "0.0": Explained("The mail server gave no reason.", _NOTHING_MORE),
    "1.1": Explained("There is no such mailbox.", _WRONG_MAILBOX),
    "1.2": Explained("There is no such mail domain.", _WRONG_MAILBOX),
    "1.3": Explained("The address is not written as one.", _WRONG_MAILBOX),
    "1.6": Explained("The mailbox has moved and left no address.", _WRONG_MAILBOX),
    "1.8": Explained("The mail server does not accept the sender's domain.", _SENDER_MAIL),
    "1.10": Explained("The domain says that it takes no e-mail.", _WRONG_MAILBOX),
    "2.1": Explained("The mailbox is switched off.", _NOTHING_MORE),
    "2.2": Explained("The mailbox is full.", _NOTHING_MORE),
    "2.3": Explained("The e-mail is larger than the mailbox takes.", "Shorten the template."),
    "3.4": Explained("The e-mail is larger than the mail server takes.", "Shorten the template."),
    "4.1": Explained("The mail server did not answer.", _NOTHING_MORE),
    "4.2": Explained("The connection to the mail server broke.", _NOTHING_MORE),
    "4.4": Explained("No way to the domain's mail server was found.", _WRONG_MAILBOX),
    "4.7": Explained("It could not be delivered within days.", _NOTHING_MORE),
    "6.0": Explained("The mail server refuses what is in the e-mail.", "Correct the template."),
    "7.1": Explained("The mail server's rules refuse it, often as spam.", _SENDER_MAIL),
    "7.9": Explained("The mail server refuses the sender's sign-in.", _SENDER_MAIL),
    "7.25": Explained("The sending server's name does not fit its address.", _SENDER_MAIL),
    "7.26": Explained("The sender's domain did not prove the e-mail (SPF, DKIM).", _SENDER_MAIL),
}

_LATE: Final = Explained(
    "Its last moment passed before it could leave.",
    "The lines before say what it waited for; give later messages more time.",
)


def explain(message: Message) -> Explained | None:
    """Why the message is where it is; None where that needs no explanation."""
    match message.state:
        case State.SKIPPED:
            reason = message.skip_reason or ""
            return SKIPPED.get(reason) or Explained(
                f"It was not sent on purpose: {reason.replace('_', ' ') or 'no reason was kept'}.",
                "Nothing more happens to it.",
            )
        case State.EXPIRED:
            return _LATE
        case State.RETRY if message.skip_reason:
            return SKIPPED.get(message.skip_reason)
        case State.RETRY | State.FAILED | State.IN_DOUBT:
            return of_code(message.error_code, message.error_class)
        case State.ACCEPTED if message.status in {"bounced", "failed"}:
            return of_receipt(message.delivery_code) or Explained(
                "The provider took it, and could not deliver it.",
                "The receipts below say why; after a hard bounce the address is suppressed.",
            )
        case _:
            return None


def of_code(code: str | None, error_class: str | None) -> Explained | None:
    """What a provider's code means, else what its class does; None: neither is known."""
    return CODES.get(code or "") or CLASSES.get(error_class or "")


def of_receipt(code: str | None) -> Explained | None:
    """What a code says of a message that the provider had taken; None: it is not known."""
    status = (code or "").split(".", 1)
    if len(status) == 2 and status[0] in {"4", "5"}:
        return MAIL_STATUS.get(status[1])
    known = CODES.get(code or "")
    if known is not None and known.then == _AGAIN:
        return Explained(known.why, _HANDED_OVER)
    return known


def reason_label(reason: str) -> str:
    """A skip reason, class or code in a few words, for tables: the sentence without its stop."""
    known = SKIPPED.get(reason) or CODES.get(reason) or CLASSES.get(reason)
    return known.why.removesuffix(".") if known is not None else reason.replace("_", " ")
