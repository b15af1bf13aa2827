"""Customers' contents out of a draft."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from liquid.exceptions import LiquidError

from segmind.channels.content import Content, EmailContent, PushContent, Slots, SmsContent
from segmind.templates.compile import Compiled, Fault, Part, compiled, sources
from segmind.templates.language import (
    LONGEST_OUTPUT,
    PLAIN,
    RENDER_ERRORS,
    BoundedContext,
    Problem,
    parse,
    problem_of,
    render_all,
)
from segmind.templates.links import Links
from segmind.templates.plain_text import tidy
from segmind.templates.quick import NotQuick
from segmind.templates.recipients import Contexts, Recipients
from segmind.templates.template import Draft, EmailDraft, PushDraft


@dataclass(frozen=True, slots=True)
class RenderError:
    """Why there is no content: in which field, on which line of what the author wrote."""

    field: str
    line: int | None
    message: str
    hint: str = ""

    def __str__(self) -> str:
        at = f" (line {self.line})" if self.line else ""
        return f"{self.field}{at}: {self.message}"


def render(
    draft: Draft, context: Mapping[str, object], links: Links | None = None
) -> Content | RenderError:
    """The content for one customer.

    ``context`` is plain data (see ``variables.context``). What a template names and the context
    lacks shows as nothing: give it a ``| default``. The draft is compiled at its first rendering.
    """
    return render_compiled(draft, compiled(draft), context, links)


def render_compiled(
    draft: Draft,
    ready: Compiled | Fault,
    context: Mapping[str, object],
    links: Links | None = None,
) -> Content | RenderError:
    """``render`` for who keeps what ``compiled`` gave for the draft."""
    return render_all_of(draft, ready, Contexts.of_one(context, links or Links()))[0]


def render_all_of(
    draft: Draft, ready: Compiled | Fault, who: Recipients
) -> list[Content | RenderError]:
    """The content for each recipient, or why there is none for him, in order."""
    if isinstance(ready, Fault):
        return [_of_fault(ready)] * len(who)
    filled = _Filled(ready, who)
    if isinstance(draft, EmailDraft):
        made: Sequence[Content] = _emails(draft, filled, who)
    elif isinstance(draft, PushDraft):
        made = _pushes(filled, who)
    else:
        bodies = filled.joined("body")
        made = [SmsContent(_tracked(who, n, body).strip()) for n, body in enumerate(bodies)]
    if not filled.failed:
        return list(made)
    return [
        _author_line(draft, filled.failed[n], who.values(n)) if n in filled.failed else content
        for n, content in enumerate(made)
    ]


def _emails(draft: EmailDraft, filled: _Filled, who: Recipients) -> list[Content]:
    htmls = filled.slots("html")
    texts: Sequence[str | Slots] = filled.slots("text")
    if draft.text:
        # The links of a derived text part are tracked in its template; in a written one they are
        # found.
        texts = [
            _tracked(who, n, tidy(text.joined())) for n, text in enumerate(filled.slots("text"))
        ]
    subjects, preheaders = filled.lines("subject"), filled.lines("preheader")
    headers = _headers(who)
    return list(map(EmailContent, subjects, preheaders, htmls, texts, headers))


def _headers(who: Recipients) -> list[dict[str, str]]:
    return [unsubscribe_headers(who.links.of(n)) for n in range(len(who))]


def _pushes(filled: _Filled, who: Recipients) -> list[Content]:
    titles, bodies = filled.lines("title"), filled.joined("body")
    links, images = filled.lines("deep_link"), filled.lines("image")
    each = zip(titles, bodies, links, images, strict=True)
    return [_push(who, n, *fields) for n, fields in enumerate(each)]


def _push(who: Recipients, n: int, title: str, body: str, link: str, image: str) -> PushContent:
    if link.lower().startswith(("http://", "https://")):
        link = who.links.of(n).followed(link)
    elif link.lower().startswith(("javascript:", "data:", "file:")):
        link = ""
    return PushContent(
        title=title,
        body=body.strip(),
        data={"link": link} if link else {},
        image=image if image.lower().startswith("https://") else None,
    )


def _tracked(who: Recipients, n: int, text: str) -> str:
    return who.links.of(n).in_text(text) if "://" in text else text


def unsubscribe_headers(links: Links) -> dict[str, str]:
    """List-Unsubscribe with one click (RFC 8058); nothing where one cannot unsubscribe."""
    url = links.one_click_url or links.unsubscribe_url
    if not url:
        return {}
    return {
        "List-Unsubscribe": f"<{_one_line(url)}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }


@dataclass(frozen=True, slots=True)
class _Failed:
    """Why one recipient's field could not be filled."""

    field: str
    problem: Problem


class _Filled:
    """The fields of a draft, filled for all recipients; ``failed`` by place: whom there is none
    for (a failure in one field leaves that field empty)."""

    def __init__(self, ready: Compiled, who: Recipients) -> None:
        self._ready = ready
        self._who = who
        self.failed: dict[int, _Failed] = {}

    def slots(self, field: str) -> list[Slots]:
        """The field as the pieces that all share and each one's values."""
        part = self._ready.parts[field]
        rows = self._rows(field, part)
        return [Slots(part.pieces, row) for row in rows]

    def joined(self, field: str) -> list[str]:
        """The field as whole texts."""
        part = self._ready.parts[field]
        if not part.nodes:
            return [part.pieces[0]] * len(self._who)
        return [slots.joined() for slots in self.slots(field)]

    def lines(self, field: str) -> list[str]:
        """The field as texts of one line."""
        part = self._ready.parts[field]
        if not part.nodes:
            return [_one_line(part.pieces[0])] * len(self._who)
        return [_one_line(text) for text in self.joined(field)]

    def _rows(self, field: str, part: Part) -> list[tuple[str, ...]]:
        """Each one's values; no value at all, and the reason noted, where they cannot be made."""
        if not part.nodes:
            return [()] * len(self._who)
        found = _values(part, self._who)
        rows: list[tuple[str, ...]] = []
        for n, row in enumerate(found):
            if not isinstance(row, Problem) and part.length + sum(map(len, row)) > LONGEST_OUTPUT:
                row = Problem("The result is longer than 1 MB.", None)
            if isinstance(row, Problem):
                self.failed.setdefault(n, _Failed(field, row))
                row = ("",) * len(part.nodes)
            rows.append(row)
        return rows


def _values(part: Part, who: Recipients) -> list[tuple[str, ...] | Problem]:
    """Each one's values between the pieces, or why they cannot be made."""
    if part.quick is not None:
        try:
            return list(zip(*[show(who) for show in part.quick], strict=True))
        except NotQuick:
            # An unusual value: the engine knows what becomes of it. The others stay quick.
            if (half := len(who) // 2) > 0:
                return [
                    *_values(part, who.part(0, half)),
                    *_values(part, who.part(half, len(who))),
                ]
    return [_by_engine(part, who.values(n)) for n in range(len(who))]


def _by_engine(part: Part, values: Mapping[str, object]) -> tuple[str, ...] | Problem:
    context = BoundedContext(part.template, globals=part.template.make_globals(values))
    out = []
    try:
        for group in part.nodes:
            buffer = context.get_buffer()
            for node in group:
                try:
                    node.render(context, buffer)
                except LiquidError as error:
                    error.token = error.token or node.token
                    raise
            out.append(buffer.getvalue())
    except RENDER_ERRORS as error:
        return problem_of(error)
    return tuple(out)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _of_fault(fault: Fault) -> RenderError:
    return RenderError(fault.field, fault.problem.line, fault.problem.message, fault.problem.hint)


def _author_line(draft: Draft, failed: _Failed, values: Mapping[str, object]) -> RenderError:
    """The failure on the author's own line: HTML is rendered from compiled markup, whose lines
    nobody wrote, so the fault is looked for again in what was."""
    written = sources(draft)
    if failed.field in written and not (failed.field == "text" and not written["text"]):
        return _of_fault(Fault(failed.field, failed.problem))
    for field, source in written.items():
        parsed = parse(PLAIN, source)
        if isinstance(parsed, Problem):
            return _of_fault(Fault(field, parsed))
        again = render_all(parsed, values)
        if isinstance(again, Problem):
            return _of_fault(Fault(field, again))
    field = "blocks" if isinstance(draft, EmailDraft) and draft.blocks else "body"
    problem = failed.problem
    return RenderError(field, None, problem.message, problem.hint)
