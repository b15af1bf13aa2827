"""Whom of an automation's customers chance led on and whom it held out, so that lift is told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import polars as pl
from sqlalchemy import Connection, select

from segmind.automations.automation import Automation, list_automations
from segmind.automations.definition import Definition, parse
from segmind.automations.steps import Split
from segmind.automations.tables import automation_version
from segmind.db.copy import copy_out
from segmind.errors import Conflict
from segmind.experiments.experiment import DAYS, HOLDOUT, Rolling

_BRANCH: Final = "branch:"
#: A split comes soon after the beginning of a run: runs begun so long before are looked at.
_LONGEST_WAY: Final = timedelta(days=400)


class NoHoldout(Conflict):
    """Nobody is held out of this automation, so there is no lift to measure."""

    code = "no_holdout"
    hint = "Add a split with a holdout as its first step; lift is measured from then on."


def holdout_split(definition: Definition) -> Split | None:
    """The first split that holds somebody out."""
    for step in definition.steps:
        if isinstance(step, Split) and any(branch.holdout for branch in step.branches):
            return step
    return None


def experiment_of(
    conn: Connection,
    automation: Automation,
    since: datetime,
    until: datetime,
    days: int = DAYS,
) -> Rolling:
    """The customers who came to the automation's split in ``[since, until)``, by branch; who came
    several times counts from the first. Weights are those of the versions that they were drawn by.

    The split is the first with a holdout of the newest version that has one.

    Raises:
        NoHoldout: no version holds anybody out.
    """
    splits = _splits(conn, automation)
    if not splits:
        raise NoHoldout
    newest = splits[max(splits)].id
    drawn = _drawn(conn, automation.id, newest, since, until)
    own = {version: its for version, its in splits.items() if its.id == newest}
    named = [
        pl.DataFrame(
            {
                "version": [version] * len(split.branches),
                "branch": [branch.name for branch in split.branches],
                "arm": [HOLDOUT if branch.holdout else branch.name for branch in split.branches],
            }
        )
        for version, split in own.items()
    ]
    entrants = drawn.join(pl.concat(named), on=["version", "branch"]).sort("start")
    first = entrants.unique("customer_id", keep="first", maintain_order=True)
    return Rolling(
        entrants=first.select("customer_id", "arm", "start"),
        weights=_weights(own, first["version"].value_counts().rows()),
        since=since,
        until=until,
        days=days,
    )


def with_holdout(
    conn: Connection, since: datetime, until: datetime, days: int = DAYS
) -> dict[int, Rolling]:
    """The experiments of all automations whose present definition holds somebody out, by id."""
    return {
        each.id: experiment_of(conn, each, since, until, days)
        for each in list_automations(conn)
        if holdout_split(each.definition) is not None
    }


def _splits(conn: Connection, automation: Automation) -> dict[int, Split]:
    """By version: its split with a holdout."""
    rows = conn.execute(
        select(automation_version.c.version, automation_version.c.definition).where(
            automation_version.c.automation_id == automation.id
        )
    )
    found = {row.version: holdout_split(parse(row.definition)) for row in rows}
    return {version: split for version, split in found.items() if split is not None}


def _drawn(
    conn: Connection, automation_id: int, step: str, since: datetime, until: datetime
) -> pl.DataFrame:
    """customer_id, version, branch, start of every passage of the split."""
    return copy_out(
        conn,
        "SELECT r.customer_id, r.version, substr(s.outcome, %s), s.at"
        " FROM automation_run r JOIN automation_run_step s ON s.run_id = r.id"
        " WHERE r.automation_id = %s AND r.entered_at >= %s AND r.entered_at < %s AND s.step = %s"
        " AND s.outcome LIKE %s AND s.at >= %s AND s.at < %s",
        {
            "customer_id": pl.Int64(),
            "version": pl.Int64(),
            "branch": pl.String(),
            "start": pl.Datetime("us", "UTC"),
        },
        (
            len(_BRANCH) + 1,
            automation_id,
            since - _LONGEST_WAY,
            until,
            step,
            f"{_BRANCH}%",
            since,
            until,
        ),
    )


def _weights(splits: dict[int, Split], drawn: Sequence[tuple[int, int]]) -> dict[str, float]:
    """Percents by arm, of each version as often as it drew somebody."""
    weights: dict[str, float] = {}
    often = dict(drawn) or {max(splits): 1}
    for version, count in often.items():
        for branch in splits[version].branches:
            arm = HOLDOUT if branch.holdout else branch.name
            weights[arm] = weights.get(arm, 0.0) + branch.percent * count
    return weights
