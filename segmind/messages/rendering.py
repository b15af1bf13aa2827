"""From claimed messages to parcels: each customer's own content, with our links in it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, text

from segmind.channels import sms_parts
from segmind.channels.content import Content, EmailContent, Slots, SmsContent
from segmind.channels.provider import Parcel, Sender
from segmind.consent.purpose import Purpose
from segmind.db.literals import literal
from segmind.errors import SegmindError
from segmind.events.schema import Channel
from segmind.messages.judging import Claimed
from segmind.messages.links import LinkBook
from segmind.templates import variables, versions
from segmind.templates.compile import Compiled, Fault, compiled
from segmind.templates.links import LinksOfAll, Together
from segmind.templates.recipients import UNSUBSCRIBE, Contexts, Recipients, with_links
from segmind.templates.render import RenderError, render_all_of
from segmind.templates.template import Draft
from segmind.workspace.product_settings import ChannelName, ProductSettings

log = logging.getLogger(__name__)

_NAMES: Final[dict[Channel, ChannelName]] = {
    Channel.EMAIL: "email",
    Channel.SMS: "sms",
    Channel.PUSH: "push",
}
#: Template versions never change, so a process keeps those it used.
_MOST_VERSIONS: Final = 200


class Rendered(NamedTuple):
    """A message ready for its provider. ``segments``: SMS parts. Cost in millionths."""

    message: Claimed
    parcel: Parcel
    segments: int | None
    cost_micros: int


@dataclass(frozen=True, slots=True)
class Unrenderable:
    """A message whose text could not be made; it fails alone."""

    message: Claimed
    error: RenderError


class _Version(NamedTuple):
    """A template version as it is used: compiled, and whether it can name the customer's traits."""

    draft: Draft
    ready: Compiled | Fault
    names_traits: bool


@dataclass(frozen=True, slots=True)
class _Readers:
    """Recipients of one version without values of their own: customers, and what all may name."""

    people: Sequence[Mapping[str, Any] | None]
    shared: Mapping[str, object]
    links: LinksOfAll

    def __len__(self) -> int:
        return len(self.people)

    def column(self, name: str) -> list[Any]:
        if name == UNSUBSCRIBE:
            return list(self.links.unsubscribe_urls)
        if name == "customer":
            return [{} if person is None else person for person in self.people]
        if name in self.shared:
            return [self.shared[name]] * len(self.people)
        return [None if person is None else person.get(name) for person in self.people]

    def values(self, n: int) -> Mapping[str, object]:
        return with_links(_context({}, self.people[n], self.shared), self.links.of(n))

    def part(self, start: int, stop: int) -> _Readers:
        return _Readers(self.people[start:stop], self.shared, self.links.part(start, stop))


@dataclass(slots=True)
class Renderer:
    """Renders batches; keeps template versions and link ids it has seen.

    ``provider_of``: the name of a channel's provider, which a price may depend on.
    """

    links: LinkBook
    provider_of: Callable[[Channel], str | None] = field(default=lambda _: None)
    _versions: dict[int, _Version] = field(default_factory=dict)
    _pixelled: dict[int, tuple[tuple[str, ...], tuple[str, ...]]] = field(default_factory=dict)

    def render(
        self,
        conn: Connection,
        messages: Sequence[Claimed],
        settings: ProductSettings,
        shop_url: str,
    ) -> list[Rendered | Unrenderable]:
        """One result per message, in order. The caller stores ``links`` before sending."""
        known = {message.template_version_id for message in messages}
        names_traits = any(self._names_traits(conn, version_id) for version_id in known)
        people = _people(conn, messages, names_traits)
        senders = {channel: sender_of(channel, settings) for channel in Channel}

        @cache
        def price_of(channel: Channel, country: str | None) -> int:
            return settings.cost_micros(_NAMES[channel], self.provider_of(channel), country)

        nobody = variables.context(shop={**variables.shop_of(settings), "url": shop_url})
        out: dict[int, Rendered | Unrenderable] = {}
        for alike in _alike(messages):
            contents = self._contents(conn, alike, people, nobody)
            for message, content in zip(alike, contents, strict=True):
                price = price_of(message.channel, _country(people.get(message.id)))
                out[message.id] = _rendered(message, content, price, senders[message.channel])
        return [out[message.id] for message in messages]

    def _contents(
        self,
        conn: Connection,
        alike: Sequence[Claimed],
        people: Mapping[int, Mapping[str, Any]],
        nobody: Mapping[str, object],
    ) -> list[Content | RenderError]:
        """The contents of messages of one version and purpose."""
        try:
            version = self._version(conn, alike[0].template_version_id)
        except SegmindError as error:
            return [RenderError("template", None, str(error))] * len(alike)
        try:
            return self._rendered_together(version, alike, people, nobody)
        except Exception as error:  # one message's data must never stop the others
            if len(alike) > 1:
                return [
                    content
                    for message in alike
                    for content in self._contents(conn, [message], people, nobody)
                ]
            log.exception("A message could not be rendered (id %s)", alike[0].id)
            said = f"The text could not be made ({type(error).__name__})."
            return [RenderError("template", None, said)]

    def _rendered_together(
        self,
        version: _Version,
        alike: Sequence[Claimed],
        people: Mapping[int, Mapping[str, Any]],
        nobody: Mapping[str, object],
    ) -> list[Content | RenderError]:
        ids = [message.public_id.bytes for message in alike]
        links = self._links(alike[0], ids)
        persons = [people.get(message.id) for message in alike]
        who: Recipients = _Readers(persons, nobody, links)
        if alike[0].vars:
            given = zip(alike, persons, strict=True)
            contexts = [_context(message.vars, person, nobody) for message, person in given]
            who = Contexts(contexts, links)
        contents = render_all_of(version.draft, version.ready, who)
        if alike[0].channel is Channel.EMAIL and alike[0].purpose is Purpose.MARKETING:
            return self._with_pixels(alike[0].template_version_id, ids, contents)
        return contents

    def _links(self, first: Claimed, ids: Sequence[bytes]) -> Together:
        """The links of messages of ``first``'s version and purpose."""
        purpose, version_id, book = first.purpose, first.template_version_id, self.links
        made: dict[str, list[str]] = {}  # an e-mail has its links twice, in HTML and in text

        def tracked(url: str) -> list[str]:
            if url not in made:
                made[url] = book.clicks(ids, version_id, url)
            return made[url]

        def tracked_in(n: int, url: str) -> str:
            # A link that names its reader is nobody else's.
            return book.clicks([ids[n]], version_id, url)[0]

        is_test = purpose is Purpose.TEST
        return Together(
            len(ids),
            None if is_test else tracked,
            None if is_test else tracked_in,
            None if purpose is Purpose.TRANSACTIONAL else lambda: book.unsubscribe_pages(ids),
        )

    def _with_pixels(
        self, version_id: int, ids: Sequence[bytes], contents: Sequence[Content | RenderError]
    ) -> list[Content | RenderError]:
        """The picture at the end of each body, and a link before it that only machines see; all of
        a version's e-mails keep sharing pieces."""
        unseen = self.links.unseen(ids)
        return [
            self._with_pixel(version_id, content, addresses)
            if isinstance(content, EmailContent)
            else content
            for content, addresses in zip(contents, unseen, strict=True)
        ]

    def _with_pixel(
        self, version_id: int, content: EmailContent, addresses: tuple[str, str]
    ) -> EmailContent:
        slots = content.html_part
        if not isinstance(slots, Slots):
            return content
        known = self._pixelled.get(version_id)
        if known is None or known[0] is not slots.pieces:
            known = self._pixelled[version_id] = (slots.pieces, _pieces_with_pixel(slots.pieces))
        return EmailContent(
            content.subject,
            content.preheader,
            Slots(known[1], (*slots.values, *addresses)),
            content.text_part,
            content.headers,
        )

    def _names_traits(self, conn: Connection, version_id: int) -> bool:
        try:
            return self._version(conn, version_id).names_traits
        except SegmindError:
            return False  # its messages fail one by one, with the reason

    def _version(self, conn: Connection, version_id: int) -> _Version:
        if version_id not in self._versions:
            if len(self._versions) >= _MOST_VERSIONS:
                self._versions.clear()
                self._pixelled.clear()
            draft = versions.load_version(conn, version_id)
            written = draft.model_dump_json()
            self._versions[version_id] = _Version(draft, compiled(draft), "traits" in written)
        return self._versions[version_id]


def _alike(messages: Sequence[Claimed]) -> Iterable[list[Claimed]]:
    """The messages by what makes them render together."""
    groups: dict[tuple[int, Purpose, bool], list[Claimed]] = {}
    for message in messages:
        alike = (message.template_version_id, message.purpose, bool(message.vars))
        groups.setdefault(alike, []).append(message)
    return groups.values()


def _rendered(
    message: Claimed, content: Content | RenderError, price: int, sender: Sender | None
) -> Rendered | Unrenderable:
    if isinstance(content, RenderError):
        return Unrenderable(message, content)
    parts = None
    if isinstance(content, SmsContent):
        if not content.body:
            return Unrenderable(message, RenderError("body", None, "The text is empty."))
        parts = sms_parts.count(content.body).parts
    parcel = Parcel(message.public_id, message.address, content, sender)
    return Rendered(message, parcel, parts, price * (parts or 1))


def _pieces_with_pixel(pieces: tuple[str, ...]) -> tuple[str, ...]:
    head, tail = pieces[-1], ""
    at = head.lower().rfind("</body>")
    if at >= 0:
        head, tail = head[:at], head[at:]
    link = '" style="display:none" tabindex="-1" aria-hidden="true"></a><img src="'
    return (*pieces[:-1], f'{head}<a href="', link, f'" width="1" height="1" alt="">{tail}')


def sender_of(channel: Channel, settings: ProductSettings) -> Sender | None:
    """Who the workspace's messages on a channel are from; None: whoever the provider knows."""
    if channel is Channel.EMAIL and settings.email_from:
        return Sender(settings.email_from, settings.email_from_name)
    if channel is Channel.SMS and settings.sms_sender:
        return Sender(settings.sms_sender)
    return None


def _country(person: Mapping[str, Any] | None) -> str | None:
    return person["country"] if person is not None else None


def _context(
    given: Mapping[str, Any], person: Mapping[str, Any] | None, nobody: Mapping[str, object]
) -> dict[str, object]:
    """What the template may name: ``nobody``'s values, the customer's, the message's own."""
    if not given:
        return dict(nobody) if person is None else variables.with_customer(nobody, person)
    return variables.context(
        customer=person,
        shop=nobody["shop"],  # type: ignore[arg-type]
        cart=given.get("cart"),
        order=given.get("order"),
        values={k: v for k, v in given.items() if k not in {"cart", "order"}},
    )


def _people(
    conn: Connection, messages: Sequence[Claimed], with_traits: bool
) -> dict[int, dict[str, Any]]:
    """By message id: the customer as templates know them, under their present id.

    Traits are read only where a template can name them: they are most of what there is to read.
    """
    known = [m for m in messages if m.customer_id is not None]
    rows = conn.execute(
        text(f"""
            SELECT given.message_id, c.id, c.external_id, c.first_name, c.last_name, c.email,
                   c.phone, c.country, c.city, c.language, c.timezone, c.birthday
                   {", c.traits" if with_traits else ""}
            FROM unnest(CAST(:messages AS bigint[]), CAST(:customers AS bigint[]))
                AS given(message_id, customer_id)
            LEFT JOIN customer_merge g ON g.from_id = given.customer_id
            JOIN customer c ON c.id = COALESCE(g.into_id, given.customer_id)
        """),
        {
            "messages": literal([m.id for m in known]),
            "customers": literal([m.customer_id for m in known]),
        },
    )
    names = list(rows.keys())[1:]
    return {row[0]: dict(zip(names, row[1:], strict=True)) for row in rows.all()}
