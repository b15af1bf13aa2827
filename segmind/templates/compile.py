"""From a draft to what can be rendered quickly: parsed once per version, kept in memory."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from liquid.ast import Node
from liquid.builtin.content import ContentNode
from liquid.template import BoundTemplate

from segmind.templates import blocks, plain_text
from segmind.templates.language import HTML, PLAIN, Language, Problem, parse
from segmind.templates.markup import compile_body, hidden, is_mjml
from segmind.templates.placeholders import liquid_pieces
from segmind.templates.quick import Quick, quick
from segmind.templates.template import Draft, EmailDraft, PushDraft

#: Added to a marketing e-mail that has none of its own.
_FOOTER_OPEN: Final = (
    '<div style="padding:24px 16px;text-align:center;font-family:Helvetica,Arial,sans-serif;'
    'font-size:12px;line-height:1.6;color:#57606a">'
)
_FOOTER_ADDRESS: Final = (
    "{% if shop.name %}{{ shop.name }}{% endif %}"
    "{% if shop.postal_address %}<br>{{ shop.postal_address }}{% endif %}"
)
_FOOTER_LINK: Final = (
    '<br><a href="{% _link %}{{ unsubscribe_url }}{% _endlink %}" style="color:#57606a">'
    "Unsubscribe</a>"
)
_TEXT_FOOTER: Final = "\n\n--\n{{ shop.name }}\n{{ shop.postal_address }}\n"
_TEXT_LINK: Final = "Unsubscribe: {{ unsubscribe_url }}\n"


@dataclass(frozen=True, slots=True)
class Fault:
    """What stops a draft from being compiled, and in which field."""

    field: str
    problem: Problem


@dataclass(frozen=True, slots=True)
class Part:
    """A parsed field, split into the pieces that all recipients share and the nodes between.

    ``quick``: the same as ``nodes``, as functions; None where only the engine can render them.
    ``length``: letters of all pieces.
    """

    template: BoundTemplate
    pieces: tuple[str, ...]
    nodes: tuple[tuple[Node, ...], ...]
    quick: tuple[Quick, ...] | None
    length: int


@dataclass(frozen=True, slots=True)
class Compiled:
    """The parts of a draft by field, ready to render."""

    parts: dict[str, Part]


@lru_cache(maxsize=256)
def compiled(draft: Draft) -> Compiled | Fault:
    """The draft, compiled; the same object for an equal draft."""
    fault = first_fault(draft)
    if fault is not None:
        return fault
    if isinstance(draft, EmailDraft):
        return _email(draft)
    if isinstance(draft, PushDraft):
        return _plain(
            title=draft.title, body=draft.body, deep_link=draft.deep_link, image=draft.image
        )
    return _plain(body=draft.body)


def sources(draft: Draft) -> dict[str, str]:
    """The Liquid of a draft by field, as its author wrote it (blocks as ``blocks[i].field``)."""
    if not isinstance(draft, EmailDraft):
        data = draft.model_dump(exclude={"channel"})
        return {name: str(value) for name, value in data.items()}
    fields = {"subject": draft.subject, "preheader": draft.preheader, "text": draft.text}
    if not draft.blocks:
        return {**fields, "body": draft.body}
    for i, block in enumerate(draft.blocks):
        for name, value in block.model_dump(exclude={"kind", "source"}).items():
            if isinstance(value, str):
                fields[f"blocks[{i}].{name}"] = value
    return fields


def first_fault(draft: Draft) -> Fault | None:
    """The first field whose Liquid cannot be parsed, with the author's own line."""
    for field, source in sources(draft).items():
        parsed = parse(PLAIN, source)
        if isinstance(parsed, Problem):
            return Fault(field, parsed)
    return None


def has_own_unsubscribe(draft: EmailDraft) -> bool:
    """Whether the author placed the unsubscribe link."""
    return any(
        "unsubscribe_url" in source for name, source in sources(draft).items() if name != "text"
    )


def has_own_postal_address(draft: EmailDraft) -> bool:
    """Whether the author placed the postal address."""
    return any("postal_address" in source for source in sources(draft).values())


def _email(draft: EmailDraft) -> Compiled | Fault:
    source = blocks.to_mjml(draft.blocks, draft.accent) if draft.blocks else draft.body
    field = "blocks" if draft.blocks else "body"
    body = compile_body(source)
    if isinstance(body, Problem):
        return Fault(field, body)
    before = hidden(_escaped(draft.preheader)) if draft.preheader else ""
    page = body.page(before=before, after=_footer(draft))
    text = draft.text or plain_text.from_markup(body.markup, body.protected)
    made = _parts(
        {
            "subject": (PLAIN, draft.subject),
            "preheader": (PLAIN, draft.preheader),
            "html": (HTML, _tight(page) if is_mjml(source) else page),
            "text": (PLAIN, text + _text_footer(draft, text)),
        }
    )
    if isinstance(made, Fault):
        place = {"html": field, "text": "text" if draft.text else field}
        return Fault(place.get(made.field, made.field), Problem(made.problem.message, None))
    return made


def _plain(**fields: str) -> Compiled | Fault:
    return _parts({name: (PLAIN, source) for name, source in fields.items()})


def _parts(fields: dict[str, tuple[Language, str]]) -> Compiled | Fault:
    parts: dict[str, Part] = {}
    for name, (language, source) in fields.items():
        parsed = parse(language, source)
        if isinstance(parsed, Problem):
            return Fault(name, parsed)
        parts[name] = _split(parsed)
    return Compiled(parts)


def _split(template: BoundTemplate) -> Part:
    pieces, nodes = [""], []
    group: list[Node] = []
    for node in template.nodes:
        if isinstance(node, ContentNode):
            if group:
                nodes.append(tuple(group))
                pieces.append("")
                group = []
            pieces[-1] += node.text
        else:
            group.append(node)
    if group:
        nodes.append(tuple(group))
        pieces.append("")
    made = [quick(group, autoescape=template.env.autoescape) for group in nodes]
    ready = tuple(one for one in made if one is not None)
    return Part(
        template,
        tuple(pieces),
        tuple(nodes),
        ready if len(ready) == len(nodes) else None,
        sum(map(len, pieces)),
    )


def _footer(draft: EmailDraft) -> str:
    inner = "" if has_own_postal_address(draft) else _FOOTER_ADDRESS
    inner += "" if has_own_unsubscribe(draft) else _FOOTER_LINK
    if not inner:
        return ""
    return f"{{% if unsubscribe_url %}}{_FOOTER_OPEN}{inner}</div>{{% endif %}}\n"


def _text_footer(draft: EmailDraft, text: str) -> str:
    inner = "" if has_own_postal_address(draft) else _TEXT_FOOTER
    inner += "" if "unsubscribe_url" in text else f"\n{_TEXT_LINK}"
    return f"{{% if unsubscribe_url %}}{inner}{{% endif %}}" if inner else ""


def _escaped(source: str) -> str:
    return "".join(
        part if is_liquid else html.escape(part) for is_liquid, part in liquid_pieces(source)
    )


def _tight(page: str) -> str:
    """Without the compiler's indentation: clients cut e-mails off at 102 KB."""
    return re.sub(r"\n\s+", "\n", page)
