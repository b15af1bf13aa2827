"""What the log and the customers say about people in flight, as of one instant."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any

import polars as pl
from pydantic import ValidationError

from segmind.automations.definition import InvalidDefinition, RuleJson
from segmind.automations.walk import Ask, InFlight
from segmind.customers.facts import Facts
from segmind.events.schema import UTC_INSTANT
from segmind.events.spans import Span
from segmind.segments.acts import Act
from segmind.segments.moment import Moment
from segmind.segments.sources import Sources

#: Which of these customers match the rule, as of an instant. Given by :mod:`automations.rules`.
Matching = Callable[[RuleJson, Facts, Collection[int], datetime], set[int]]

_OCCURRENCES = {"customer_id": pl.Int64(), "ts": UTC_INSTANT}


def act_of(event: str, where: Sequence[Any], field: str) -> Act:
    """The act of an event and its comparisons, in the segment language.

    Raises:
        InvalidDefinition: there is no such act or comparison; ``field`` says where it was written.
    """
    written = json.dumps({"event": event, "where": list(where)}, default=str)
    try:
        return Act.model_validate_json(written)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        path = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in first["loc"])
        hint = str(first.get("ctx", {}).get("hint", ""))
        raise InvalidDefinition(first["msg"], hint=hint or None, field=f"{field}{path}") from None


class FactsWorld:
    """The world as the facts have it at ``now``."""

    def __init__(self, facts: Facts, now: datetime, matching: Matching) -> None:
        self.facts = facts
        self.now = now
        self._matching = matching
        self._moment = Moment(now, facts.zone)
        self._sources = Sources(facts, self._moment)

    @property
    def horizon(self) -> datetime:
        """The first instant that does not exist yet."""
        return self._moment.horizon

    def happened(self, ask: Ask, runs: Sequence[InFlight]) -> set[int]:
        """Ids of the runs since whose trigger it happened."""
        act = act_of(ask.event, ask.where, "event")
        found = self._since_trigger(act, runs)
        if ask.strictly_later:
            found = found.filter(pl.col("ts") > pl.col("triggered_at"))
        return set(found["id"])

    def latest(self, events: Collection[str], runs: Sequence[InFlight]) -> dict[int, datetime]:
        """By run id: when one of the events last happened to the customer, since the trigger."""
        parts = [self._since_trigger(act_of(event, (), "restart_on"), runs) for event in events]
        last = pl.concat(parts).group_by("id").agg(pl.col("ts").max())
        return dict(last.iter_rows())

    def matching(self, rule: RuleJson, customer_ids: Collection[int]) -> set[int]:
        """Those of the customers whom the segment rule matches."""
        if not customer_ids:
            return set()
        return self._matching(rule, self.facts, customer_ids, self.now)

    def occurrences(self, act: Act, since: datetime, customers: pl.Series) -> pl.DataFrame:
        """customer_id and ts of each time that one of the customers did it, since then up to now.

        An event that the log never saw happened to nobody.
        """
        span = Span(since, self._moment.horizon)
        try:
            found = self._sources.occurrences(act, span).to_native()
        except KeyError:
            return pl.DataFrame(schema=_OCCURRENCES)
        frame: pl.DataFrame = (
            found.filter(pl.col("customer_id").is_in(customers.implode()))
            .select("customer_id", "ts")
            .collect()
        )
        return frame

    def _since_trigger(self, act: Act, runs: Sequence[InFlight]) -> pl.DataFrame:
        """id, triggered_at, ts: every occurrence not before the run's trigger."""
        frame = pl.DataFrame(
            {
                "id": [run.id for run in runs],
                "customer_id": [run.customer_id for run in runs],
                "triggered_at": [run.triggered_at for run in runs],
            },
            schema={"id": pl.Int64(), "customer_id": pl.Int64(), "triggered_at": UTC_INSTANT},
        )
        if frame.is_empty():
            return frame.with_columns(ts=pl.lit(None, UTC_INSTANT)).select(
                "id", "triggered_at", "ts"
            )
        since = min(run.triggered_at for run in runs)
        done = self.occurrences(act, since, frame["customer_id"].unique())
        joined = frame.join(done, on="customer_id")
        return joined.filter(pl.col("ts") >= pl.col("triggered_at")).select(
            "id", "triggered_at", "ts"
        )
