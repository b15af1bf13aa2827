"""The last look before a launch: who it says it is from, and the recipients it fits least."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlsplit

from segmind.channels import sms_parts
from segmind.channels.content import EmailContent, SmsContent
from segmind.templates.check import GMAIL_CLIPS, Finding
from segmind.templates.links import Links
from segmind.templates.render import RenderError, render
from segmind.templates.template import Draft, EmailDraft, SmsDraft
from segmind.templates.variables import context, sample_context, shop_of
from segmind.workspace.product_settings import ProductSettings

#: Mailbox providers whose DMARC policy has mail in their name rejected if it comes from elsewhere.
FREE_MAIL: Final = frozenset(
    """aol.com gmail.com googlemail.com gmx.de gmx.net hotmail.com icloud.com live.com mail.ru
    me.com outlook.com proton.me protonmail.com web.de yahoo.com yahoo.co.uk ymail.com""".split()
)
#: The longest names and city that a form is likely to have taken.
LONGEST: Final = {
    "first_name": "Maximiliana-Alexandrina",
    "last_name": "Featherstonehaugh-Cholmondeley",
    "city": "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch",
}
_HOLE: Final = re.compile(
    r"\b(?:hi|hello|dear|hey|hallo|hola|bonjour|ciao)\s+[,!.:;-]", re.IGNORECASE
)
_TAG: Final = re.compile(r"<[^>]*>")


def preflight(draft: Draft, settings: ProductSettings, base_url: str) -> list[Finding]:
    """What can be known of a draft and its sender without asking anybody; errors stop a launch.

    ``base_url`` is where links lead when the settings name no public address. DNS is not asked:
    whether SPF, DKIM and DMARC are right is said by the provider's own check.
    """
    if isinstance(draft, EmailDraft):
        found = [*_sender(settings), *_address(settings.public_url or base_url)]
    elif isinstance(draft, SmsDraft):
        found = list(_texter(draft, settings))
    else:
        found = []
    return [*found, *_worst(draft, settings)]


def _sender(settings: ProductSettings) -> Iterator[Finding]:
    domain = settings.email_from.rpartition("@")[2].lower()
    if not domain:
        yield Finding(
            "note",
            "email_from",
            "No sender address is set: the provider's own is used.",
            "Set one of your domain in Settings.",
        )
    elif domain in FREE_MAIL:
        yield Finding(
            "error",
            "email_from",
            f"E-mail from @{domain} sent by anybody else is rejected (DMARC).",
            "Send from a domain of your own.",
        )
    elif settings.public_url and not _same_owner(domain, urlsplit(settings.public_url).hostname):
        yield Finding(
            "note",
            "email_from",
            f"The e-mail comes from {domain}, its links lead elsewhere.",
            "Filters trust a message more whose links lie under the sender's domain.",
        )


def _same_owner(domain: str, host: str | None) -> bool:
    """Whether both end in the same two labels; good enough for a note."""
    return domain.split(".")[-2:] == (host or "").lower().split(".")[-2:]


def _address(url: str) -> Iterator[Finding]:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host in {"localhost", "127.0.0.1", "::1", "0.0.0.0"}:  # noqa: S104
        yield Finding(
            "note",
            "public_url",
            "Recipients cannot reach the unsubscribe link: it leads to this machine.",
            "Set the public address in Settings before you send to people.",
        )
    elif parts.scheme != "https":
        yield Finding(
            "warning",
            "public_url",
            "Mail clients offer one-click unsubscribing only over https.",
            "Give Segmind's public address a certificate.",
        )


def _texter(draft: SmsDraft, settings: ProductSettings) -> Iterator[Finding]:
    named = "shop.name" in draft.body or settings.shop_name.lower() in draft.body.lower()
    if not named:
        yield Finding(
            "warning",
            "body",
            "The text does not say who writes.",
            "Begin it with {{ shop.name }}: carriers and the law ask for it.",
        )
    if settings.sms_sender and re.search(r"[A-Za-z ]", settings.sms_sender):
        is_service = settings.sms_sender.startswith("MG") and len(settings.sms_sender) == 34
        if not is_service:
            yield Finding(
                "warning",
                "sms_sender",
                f"Nobody can reply STOP to {settings.sms_sender}: it is a name, not a number.",
                "Give another way to opt out, such as {{ unsubscribe_url }}.",
            )


def _worst(draft: Draft, settings: ProductSettings) -> Iterator[Finding]:
    """The same for somebody of whom nothing is known, and for the longest name."""
    usual = render(draft, _values(None, settings), _LINKS)
    empty = render(draft, _values({"traits": {}}, settings), _LINKS)
    long = render(draft, _values({**LONGEST, "traits": {}}, settings), _LINKS)
    if isinstance(empty, RenderError):
        yield Finding(
            "warning",
            empty.field,
            f"For somebody of whom nothing is known: {empty.message}",
            empty.hint or "Give a default: {{ first_name | default: 'there' }}.",
        )
    elif hole := _HOLE.search(_words(empty)):
        yield Finding(
            "warning",
            "body",
            f'Without a first name it reads "{hole[0].strip()}".',
            "Give a default: {{ first_name | default: 'there' }}.",
        )
    if isinstance(long, SmsContent) and isinstance(usual, SmsContent):
        most, mean = sms_parts.count(long.body).parts, sms_parts.count(usual.body).parts
        if most > mean:
            yield Finding(
                "warning",
                "body",
                f"For the longest names it takes {most} SMS parts instead of {mean}.",
                "Each part is billed: shorten the text.",
            )
    if isinstance(long, EmailContent) and len(long.html.encode()) > GMAIL_CLIPS:
        yield Finding(
            "warning", "body", "For the longest names Gmail cuts the e-mail off.", "Shorten it."
        )


_LINKS: Final = Links(unsubscribe_url="https://example.com/u/sample")


def _words(content: object) -> str:
    if isinstance(content, EmailContent):
        return f"{content.subject}\n{_TAG.sub('', content.html)}"
    if isinstance(content, SmsContent):
        return content.body
    return f"{getattr(content, 'title', '')}\n{getattr(content, 'body', '')}"


def _values(customer: dict[str, Any] | None, settings: ProductSettings) -> dict[str, object]:
    sample = sample_context()
    shop = shop_of(settings)
    if customer is None:
        return {**sample, "shop": shop}
    return context(customer=customer, shop=shop)
