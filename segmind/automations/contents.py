"""The contents of send steps: drafts at first, versions that never change once kept."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection

from segmind.automations.definition import Definition
from segmind.automations.graph import Problem
from segmind.automations.steps import Option, Send
from segmind.errors import SegmindError
from segmind.templates import versions
from segmind.templates.check import check
from segmind.templates.template import Draft, channel_of, parse_draft, to_json
from segmind.workspace.product_settings import ProductSettings


def draft_of(conn: Connection, option: Option) -> Draft:
    """What is sent.

    Raises:
        InvalidDraft: its content is none. NoVersion: its version does not exist.
    """
    if option.content is not None:
        return parse_draft(option.content)
    assert option.template_version_id is not None  # the definition sees to it
    return versions.load_version(conn, option.template_version_id)


def problems(conn: Connection, definition: Definition, settings: ProductSettings) -> list[Problem]:
    """What is wrong with the contents, by step."""
    found: list[Problem] = []
    for step in definition.steps:
        if isinstance(step, Send):
            for n, option in enumerate(step.options):
                place = f"steps[{step.id}]" + (f".fallbacks[{n - 1}]" if n else "")
                found += _of_option(conn, step, option, place, settings)
    return found


def _of_option(
    conn: Connection, step: Send, option: Option, place: str, settings: ProductSettings
) -> list[Problem]:
    field = f"{place}.content"
    try:
        draft = draft_of(conn, option)
    except SegmindError as error:
        return [Problem(step.id, field, error.message, error.hint)]
    if channel_of(draft) != option.channel:
        return [
            Problem(
                step.id,
                f"{place}.channel",
                f"It sends by {option.channel}, its content is for {channel_of(draft)}.",
                "Write the content for the step's channel.",
            )
        ]
    findings = check(
        draft,
        marketing=step.purpose == "marketing",
        postal_address=settings.postal_address,
    )
    return [
        Problem(step.id, f"{field}.{each.field}", each.message, each.hint)
        for each in findings
        if each.level == "error"
    ]


def frozen(conn: Connection, definition: Definition) -> Definition:
    """The definition with every draft saved as a version that never changes."""

    def freeze(option: Option) -> Option:
        if option.content is None:
            return option
        version = versions.save_version(conn, parse_draft(option.content))
        return Option(channel=option.channel, template_version_id=version)

    return _with_contents(definition, freeze)


def spelled_out(conn: Connection, definition: Definition) -> Definition:
    """The definition with the text of every send step in it, to compare two of them, or to edit.

    Raises:
        InvalidDraft, NoVersion: a step has no content that can be read.
    """

    def spell(option: Option) -> Option:
        return Option(channel=option.channel, content=to_json(draft_of(conn, option)))

    return _with_contents(definition, spell)


def _with_contents(definition: Definition, change: Callable[[Option], Option]) -> Definition:
    steps = tuple(
        step.with_options(tuple(change(option) for option in step.options))
        if isinstance(step, Send)
        else step
        for step in definition.steps
    )
    return definition.model_copy(update={"steps": steps})
