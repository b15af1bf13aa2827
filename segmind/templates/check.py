"""What is wrong with a draft, or will be, before anyone receives it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from liquid.template import BoundTemplate

from segmind.channels import sms_parts
from segmind.channels.content import EmailContent, PushContent, SmsContent
from segmind.templates.compile import (
    first_fault,
    has_own_postal_address,
    has_own_unsubscribe,
    sources,
)
from segmind.templates.language import PLAIN, parse
from segmind.templates.links import Links
from segmind.templates.render import RenderError, render
from segmind.templates.template import Draft, EmailDraft, PushDraft, SmsDraft
from segmind.templates.variables import KNOWN, sample_context

Level = Literal["error", "warning", "note"]

#: Gmail cuts an e-mail off after this many bytes.
GMAIL_CLIPS: Final = 102 * 1024
LONGEST_SMS_PARTS: Final = 10
MANY_SMS_PARTS: Final = 2
SUBJECT_SHOWN: Final = 70
TITLE_SHOWN: Final = 50
PUSH_SHOWN: Final = 178
LARGEST_PUSH: Final = 4096

_STOP: Final = re.compile(r"\b(?:stop|opt[ -]?out|unsubscribe|alto|arret)\b", re.IGNORECASE)
_INSECURE: Final = re.compile(r"\bhttp://(?!localhost\b|127\.)[\w.-]+", re.IGNORECASE)
_NOWHERE: Final = re.compile(r"href\s*=\s*[\"'](?:#|\s*)[\"']", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know. Errors stop a launch; warnings and notes do not."""

    level: Level
    field: str
    message: str
    hint: str = ""
    line: int | None = None


def check(
    draft: Draft,
    known_variables: Collection[str] = KNOWN,
    *,
    marketing: bool = True,
    postal_address: str = "",
    values: Mapping[str, object] | None = None,
) -> list[Finding]:
    """What to correct or know, errors first.

    ``known_variables``: paths such as ``cart.total``; ``traits.*`` stands for anything below.
    ``postal_address``: the shop's, which marketing e-mail must carry.
    ``values``: what the sender fills in besides, under names of his own; known as well.
    """
    given = values or {}
    fault = first_fault(draft)
    if fault is not None:
        problem = fault.problem
        return [Finding("error", fault.field, problem.message, problem.hint, problem.line)]
    findings = [
        *_unknown(draft, {*known_variables, *_paths(given)}),
        *_empty(draft),
        *_insecure(draft),
        *_rendered(draft, given),
    ]
    if marketing and isinstance(draft, EmailDraft):
        findings += _legal_email(draft, postal_address)
    if marketing and isinstance(draft, SmsDraft) and not _STOP.search(draft.body):
        findings.append(
            Finding(
                "warning",
                "body",
                "The text does not say how to opt out.",
                'End it with "Reply STOP to opt out".',
            )
        )
    order = {"error": 0, "warning": 1, "note": 2}
    return sorted(findings, key=lambda f: order[f.level])


def variables_of(draft: Draft) -> set[str]:
    """The paths that the draft asks of its context, loop variables resolved to ``list.*``."""
    return {path for _, path, _ in _asked(draft)}


def _unknown(draft: Draft, known: Collection[str]) -> Iterator[Finding]:
    seen: set[tuple[str, str]] = set()
    for field, path, line in _asked(draft):
        if (field, path) in seen or _is_known(path, known):
            continue
        seen.add((field, path))
        near = _nearest(path, known)
        hint = f"Did you mean {{{{ {near} }}}}?" if near else "It would show as nothing."
        yield Finding("error", field, f"There is no variable {path}.", hint, line)


def _asked(draft: Draft) -> Iterator[tuple[str, str, int]]:
    for field, source in sources(draft).items():
        if "{" not in source:
            continue
        parsed = parse(PLAIN, source)
        if isinstance(parsed, BoundTemplate):
            analysis = parsed.analyze()
            for found in analysis.globals.values():
                for variable in found:
                    path = _path(variable.segments)
                    yield field, path, source.count("\n", 0, max(0, variable.span.index)) + 1


def _path(segments: Sequence[object]) -> str:
    names = [str(s) for s in segments if isinstance(s, str)]
    if len(names) > 1 and names[-1] in ("size", "first", "last"):
        names.pop()
    return ".".join(names)


def _paths(values: Mapping[str, object], above: str = "") -> Iterator[str]:
    """The paths below ``values``; whatever a list or an empty mapping holds is ``path.*``."""
    for name, value in values.items():
        path = f"{above}{name}"
        if isinstance(value, Mapping) and value:
            yield from _paths(value, f"{path}.")
        else:
            yield path
            if isinstance(value, Mapping | list | tuple):
                yield f"{path}.*"


def _is_known(path: str, known: Collection[str]) -> bool:
    if path in known or any(name.startswith(f"{path}.") for name in known):
        return True
    parts = path.split(".")
    return any(".".join(parts[:i]) + ".*" in known for i in range(1, len(parts)))


def _nearest(path: str, known: Collection[str]) -> str | None:
    names = [name for name in known if not name.endswith("*")]
    close = difflib.get_close_matches(path, names, n=1, cutoff=0.7)
    return close[0] if close else None


def _empty(draft: Draft) -> Iterator[Finding]:
    if isinstance(draft, EmailDraft):
        if not draft.subject.strip():
            yield Finding("error", "subject", "The e-mail has no subject.")
        if not draft.body.strip() and not draft.blocks:
            yield Finding(
                "error", "body", "The e-mail is empty.", "Write MJML, HTML or add blocks."
            )
    elif isinstance(draft, PushDraft):
        if not draft.title.strip() and not draft.body.strip():
            yield Finding("error", "title", "The notification is empty.")
    elif not draft.body.strip():
        yield Finding("error", "body", "The text message is empty.")


def _insecure(draft: Draft) -> Iterator[Finding]:
    for field, source in sources(draft).items():
        for match in _INSECURE.finditer(source):
            if match[0].startswith("http://www.w3.org"):
                continue
            line = source.count("\n", 0, match.start()) + 1
            yield Finding("warning", field, f"{match[0]} is not secure.", "Use https.", line)
        for match in _NOWHERE.finditer(source):
            line = source.count("\n", 0, match.start()) + 1
            yield Finding("warning", field, "A link leads nowhere.", "Give its address.", line)


def _rendered(draft: Draft, values: Mapping[str, object]) -> Iterator[Finding]:
    links = Links(unsubscribe_url="https://example.com/u/sample")
    content = render(draft, sample_context(values), links)
    if isinstance(content, RenderError):
        yield Finding("error", content.field, content.message, content.hint, content.line)
    elif isinstance(content, EmailContent):
        yield from _email_size(content)
    elif isinstance(content, SmsContent):
        yield from _sms_size(content)
    else:
        yield from _push_size(content)


def _email_size(content: EmailContent) -> Iterator[Finding]:
    size = len(content.html.encode())
    if size > GMAIL_CLIPS:
        yield Finding(
            "warning",
            "body",
            f"The e-mail has {size // 1024} KB; Gmail cuts it off after 102 KB.",
            "Shorten it: the unsubscribe link stands at the end.",
        )
    if len(content.subject) > SUBJECT_SHOWN:
        yield Finding(
            "note", "subject", f"Most inboxes show about {SUBJECT_SHOWN} characters of a subject."
        )


def _sms_size(content: SmsContent) -> Iterator[Finding]:
    size = sms_parts.count(content.body)
    if len(content.body) > sms_parts.LONGEST_BODY or size.parts > LONGEST_SMS_PARTS:
        yield Finding(
            "error",
            "body",
            f"The text takes {size.parts} SMS parts; carriers take {LONGEST_SMS_PARTS}.",
            "Shorten it.",
        )
    elif size.parts > MANY_SMS_PARTS:
        yield Finding("warning", "body", f"The text is sent and billed as {size.parts} SMS parts.")
    if size.unicode_because and sms_parts.count(sms_parts.plain(content.body)).parts < size.parts:
        signs = " ".join(c for c in size.unicode_because if c in sms_parts.PLAIN)
        yield Finding(
            "warning",
            "body",
            f"{signs} makes the text longer: {size.parts} SMS parts.",
            "Use plain quotes and dashes.",
        )


def _push_size(content: PushContent) -> Iterator[Finding]:
    payload = len((content.title + content.body).encode()) + sum(
        len((k + v).encode()) for k, v in content.data.items()
    )
    if payload > LARGEST_PUSH:
        yield Finding("error", "body", "The notification is larger than 4 KB.", "Shorten it.")
        return
    if len(content.title) > TITLE_SHOWN:
        yield Finding("warning", "title", f"Phones show about {TITLE_SHOWN} characters of a title.")
    if len(content.body) > PUSH_SHOWN:
        yield Finding("warning", "body", f"Phones show about {PUSH_SHOWN} characters.")


def _legal_email(draft: EmailDraft, postal_address: str) -> Iterator[Finding]:
    if not has_own_unsubscribe(draft):
        yield Finding(
            "note",
            "body",
            "There is no unsubscribe link in the text: one is added at the foot.",
            "Place it yourself with {{ unsubscribe_url }}.",
        )
    if not postal_address.strip():
        place = "The e-mail names" if has_own_postal_address(draft) else "The foot needs"
        yield Finding(
            "error",
            "body",
            f"{place} the shop's postal address, and none is set.",
            "Marketing e-mail must carry it by law: set it in Settings.",
        )
