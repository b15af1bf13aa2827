"""The contents of send steps: drafts at first, versions that never change once kept."""

from __future__ import annotations

from sqlalchemy import Connection

from segmind.automations.definition import Definition, Send, Step
from segmind.automations.graph import Problem
from segmind.errors import SegmindError
from segmind.templates import versions
from segmind.templates.check import check
from segmind.templates.template import Draft, channel_of, parse_draft, to_json
from segmind.workspace.product_settings import ProductSettings


def draft_of(conn: Connection, step: Send) -> Draft:
    """What the step sends.

    Raises:
        InvalidDraft: its content is none. NoVersion: its version does not exist.
    """
    if step.content is not None:
        return parse_draft(step.content)
    assert step.template_version_id is not None  # the definition sees to it
    return versions.load_version(conn, step.template_version_id)


def problems(conn: Connection, definition: Definition, settings: ProductSettings) -> list[Problem]:
    """What is wrong with the contents, by step."""
    found: list[Problem] = []
    for step in definition.steps:
        if isinstance(step, Send):
            found += _of_step(conn, step, settings)
    return found


def _of_step(conn: Connection, step: Send, settings: ProductSettings) -> list[Problem]:
    field = f"steps[{step.id}].content"
    try:
        draft = draft_of(conn, step)
    except SegmindError as error:
        return [Problem(step.id, field, error.message, error.hint)]
    if channel_of(draft) != step.channel:
        return [
            Problem(
                step.id,
                f"steps[{step.id}].channel",
                f"It sends by {step.channel}, its content is for {channel_of(draft)}.",
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
    steps: list[Step] = []
    for step in definition.steps:
        if isinstance(step, Send) and step.content is not None:
            version = versions.save_version(conn, parse_draft(step.content))
            step = step.model_copy(update={"content": None, "template_version_id": version})
        steps.append(step)
    return definition.model_copy(update={"steps": tuple(steps)})


def spelled_out(conn: Connection, definition: Definition) -> Definition:
    """The definition with the text of every send step in it, to compare two of them.

    Raises:
        InvalidDraft, NoVersion: a step has no content that can be read.
    """
    steps: list[Step] = [
        step.model_copy(
            update={"content": to_json(draft_of(conn, step)), "template_version_id": None}
        )
        if isinstance(step, Send)
        else step
        for step in definition.steps
    ]
    return definition.model_copy(update={"steps": tuple(steps)})
