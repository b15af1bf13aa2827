"""What to know before a campaign is launched: who gets it, what it costs, what stops it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection

from segmind.audiences.audience import Audience
from segmind.audiences.waterfall import Waterfall
from segmind.campaigns import campaign as campaigns
from segmind.campaigns.audience import audience_of
from segmind.campaigns.campaign import Campaign
from segmind.campaigns.content import draft_of, variant_drafts
from segmind.campaigns.cost import Cost, estimate
from segmind.campaigns.preflight import preflight
from segmind.campaigns.sizing import Sizing, sizing
from segmind.campaigns.variant_test import CONTROL
from segmind.customers.facts import read_facts
from segmind.db.engine import Store
from segmind.errors import Conflict, SegmindError
from segmind.templates.check import check
from segmind.workspace import product_settings
from segmind.workspace.product_settings import ProductSettings

#: Recipients whose messages are rendered for the estimate and to find faults that only some meet.
SAMPLE = 200


class NotLaunchable(Conflict):
    """The campaign cannot be launched yet."""

    code = "not_launchable"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know. Errors stop a launch; warnings and notes do not."""

    level: Literal["error", "warning", "note"]
    field: str
    message: str
    hint: str = ""


@dataclass(frozen=True)
class Review:
    """A campaign as it would be launched at ``as_of``. ``waterfall``, ``cost`` and ``sizing`` are
    None while nothing can be said of them (no segment, no content); the findings then say why."""

    campaign: Campaign
    as_of: datetime
    findings: tuple[Finding, ...]
    waterfall: Waterfall | None
    cost: Cost | None
    sizing: Sizing | None = None

    @property
    def problems(self) -> tuple[Finding, ...]:
        """What stops the launch."""
        return tuple(finding for finding in self.findings if finding.level == "error")

    @property
    def launchable(self) -> bool:
        return not self.problems


def review(store: Store, campaign_id: int, now: datetime) -> Review:
    """The campaign looked over as of ``now``; draws its audience, stores nothing.

    Raises:
        UnknownCampaign.
    """
    with store.engine.connect() as conn:
        campaign = campaigns.get(conn, campaign_id)
        settings = product_settings.load(conn)
        findings = findings_of(conn, campaign, settings, store.settings.public_url)
        drawn = None
        if campaign.segment_id is not None:
            try:
                drawn = audience_of(store, conn, campaign, as_of=now)
            except SegmindError as error:
                findings.append(Finding("error", "segment_id", error.message, error.hint))
        cost = size = None
        if drawn is not None:
            findings.extend(_of_audience(drawn))
            cost = _cost(conn, campaign, settings, drawn, findings)
            size = sizing(conn, read_facts(store), campaign, drawn, now)
    order = {"error": 0, "warning": 1, "note": 2}
    sorted_findings = tuple(sorted(findings, key=lambda finding: order[finding.level]))
    waterfall = drawn.waterfall if drawn is not None else None
    return Review(campaign, now, sorted_findings, waterfall, cost, size)


def findings_of(
    conn: Connection, campaign: Campaign, settings: ProductSettings, base_url: str = ""
) -> list[Finding]:
    """What can be said without drawing the audience."""
    found: list[Finding] = []
    if campaign.segment_id is None:
        found.append(
            Finding("error", "segment_id", "No segment is chosen.", "Choose who should get it.")
        )
    elif campaign.segment_id in campaign.exclude_segment_ids:
        found.append(
            Finding(
                "error",
                "exclude_segment_ids",
                "The segment is left out of itself: nobody would get it.",
                "Leave out another segment.",
            )
        )
    try:
        draft = draft_of(conn, campaign)
        variants = variant_drafts(conn, campaign)
    except SegmindError as error:
        return [*found, Finding("error", error.field or "content", error.message, error.hint)]
    if draft is None:
        return [*found, Finding("error", "content", "Nothing is written yet.", "Write it first.")]
    found += [
        Finding(each.level, f"content.{each.field}", _with_line(each.message, each.line), each.hint)
        for each in check(draft, postal_address=settings.postal_address)
    ]
    for n, name in enumerate(name for name in variants if name != CONTROL):
        found += [
            Finding(
                each.level,
                f"variant_test.variants.{n}.content.{each.field}",
                f"Variant {name}: {_with_line(each.message, each.line)}",
                each.hint,
            )
            for each in check(variants[name], postal_address=settings.postal_address)
        ]
    if not any(each.level == "error" for each in found):
        found += [
            Finding(each.level, each.field, each.message, each.hint)
            for each in preflight(draft, settings, base_url)
        ]
    return found


def require_launchable(conn: Connection, campaign: Campaign, settings: ProductSettings) -> None:
    """Raises :class:`NotLaunchable` for the first thing that stops it."""
    for finding in findings_of(conn, campaign, settings):
        if finding.level == "error":
            raise NotLaunchable(finding.message, hint=finding.hint, field=finding.field)


def _of_audience(drawn: Audience) -> list[Finding]:
    if drawn.recipients.is_empty():
        return [
            Finding(
                "error",
                "segment_id",
                "Nobody would get it.",
                "The waterfall shows where the customers of the segment remain.",
            )
        ]
    return []


def _cost(
    conn: Connection,
    campaign: Campaign,
    settings: ProductSettings,
    drawn: Audience,
    findings: list[Finding],
) -> Cost | None:
    try:
        draft, variants = draft_of(conn, campaign), variant_drafts(conn, campaign)
    except SegmindError:
        return None  # said already
    if draft is None:
        return None
    recipients, sample = drawn.recipients.height, _sample(drawn)
    cost = estimate(conn, draft, settings, recipients, sample)
    findings += [
        Finding(
            "error", f"content.{fault.field}", _with_line(fault.message, fault.line), fault.hint
        )
        for fault in cost.failures
    ]
    for n, name in enumerate(name for name in variants if name != CONTROL):
        findings += [
            Finding(
                "error",
                f"variant_test.variants.{n}.content.{fault.field}",
                f"Variant {name}: {_with_line(fault.message, fault.line)}",
                fault.hint,
            )
            for fault in estimate(conn, variants[name], settings, recipients, sample).failures
        ]
    return cost


def _sample(drawn: Audience) -> Sequence[int]:
    """Some recipients, the same ones each time."""
    ids = drawn.recipients["customer_id"].to_list()
    return random.Random(0).sample(sorted(ids), min(SAMPLE, len(ids)))  # noqa: S311


def _with_line(message: str, line: int | None) -> str:
    return f"Line {line}: {message}" if line else message
