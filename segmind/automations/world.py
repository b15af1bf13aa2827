"""What the log and the customers say about people in flight, as of one instant."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
from pydantic import ValidationError

from segmind.automations.definition import InvalidDefinition
from segmind.automations.flow import Ask, Rhythm, Since
from segmind.automations.part import ChannelName, RuleJson
from segmind.consent.gate import screen
from segmind.consent.zones import candidates, zone_info
from segmind.customers.facts import Facts
from segmind.events.schema import UTC_INSTANT
from segmind.events.spans import Span
from segmind.segments.acts import Act
from segmind.segments.moment import Moment
from segmind.segments.sources import Sources

#: Which of these customers (None: of all) match the rule, as of an instant. Given by
#: :mod:`automations.rules`.
Matching = Callable[[RuleJson, Facts, Collection[int] | None, datetime], set[int]]

#: How far back a habit is looked for.
RHYTHM_WITHIN: Final = timedelta(days=731)
#: The trait in which a customer's favourite channel lies.
PREFERRED: Final = "preferred_channel"

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

    def __init__(
        self, facts: Facts, now: datetime, matching: Matching, sources: Sources | None = None
    ) -> None:
        """``sources``: those of the same facts and instant, where several worlds share them."""
        self.facts = facts
        self.now = now
        self._matching = matching
        self._moment = Moment(now, facts.zone)
        self._sources = sources or Sources(facts, self._moment)

    @property
    def horizon(self) -> datetime:
        """The first instant that does not exist yet."""
        return self._moment.horizon

    def happened(self, ask: Ask, since: Mapping[int, Since]) -> set[int]:
        """Of the runs (by id): those since whose instant it happened."""
        act = act_of(ask.event, ask.where, "event")
        found = self._last_since(act, since)
        if ask.strictly_later:
            found = found.filter(pl.col("ts") > pl.col("at"))
        return set(found["id"])

    def latest(self, events: Collection[str], since: Mapping[int, Since]) -> dict[int, datetime]:
        """By run id: when one of the events last happened to the customer, since then."""
        parts = [self._last_since(act_of(event, (), "restart_on"), since) for event in events]
        last = pl.concat(parts).group_by("id").agg(pl.col("ts").max())
        return dict(last.iter_rows())

    def matching(self, rule: RuleJson, customer_ids: Collection[int]) -> set[int]:
        """Those of the customers whom the segment rule matches."""
        if not customer_ids:
            return set()
        return self._matching(rule, self.facts, customer_ids, self.now)

    def matching_at(self, rule: RuleJson, at: datetime) -> set[int]:
        """Everybody whom the segment rule matched at a moment not later than this one."""
        return self._matching(rule, self.facts, None, at)

    def zones(self, customer_ids: Collection[int]) -> dict[int, ZoneInfo]:
        """The customer's own zone, else the only one of their country or number, else the
        workspace's."""
        ours = self.facts.zone
        found = dict.fromkeys(customer_ids, ours)
        rows = self.people(customer_ids, "timezone", "country", "phone")
        for customer_id, timezone, country, phone in rows.iter_rows():
            possible = candidates(timezone, country, phone, ours.key)
            if len(possible) == 1:
                found[customer_id] = zone_info(possible[0])
        return found

    def reachable(self, channel: ChannelName, purpose: str, ids: Collection[int]) -> set[int]:
        """Those of the customers who have an address there, and have not said no."""
        people = self.facts.customers.filter(pl.col("customer_id").is_in(list(ids)))
        screened = screen(people, channel, purpose)
        open_ = screened.filter(pl.col("reason").is_null()).select("customer_id").collect()
        return set(open_["customer_id"])

    def preferred(self, customer_ids: Collection[int]) -> dict[int, str]:
        """The channel that a customer's trait ``preferred_channel`` names."""
        rows = self.people(customer_ids, "traits")
        named = rows.select(
            "customer_id", pl.col("traits").str.json_path_match(f"$.{PREFERRED}").alias("channel")
        )
        return dict(named.drop_nulls().iter_rows())

    def rhythm(self, event: str, least: int, ids: Collection[int]) -> dict[int, Rhythm]:
        """The median time between two days on which the customer did it, and when they last did,
        for those who did it on at least ``least`` different days."""
        try:
            kind = self._sources.code(event)
        except KeyError:
            return {}
        span = Span(self.horizon - RHYTHM_WITHIN, self.horizon)
        customers, instants = self._sources.instants(kind, span)
        wanted = np.isin(customers, np.fromiter(ids, dtype=np.int64))
        rows = pl.DataFrame({"customer_id": customers[wanted], "ts": instants[wanted]})
        habits = (
            rows.with_columns(pl.col("ts").cast(UTC_INSTANT))
            .sort("customer_id", "ts")
            .group_by("customer_id", pl.col("ts").dt.date().alias("day"), maintain_order=True)
            .agg(pl.col("ts").max())
            .group_by("customer_id", maintain_order=True)
            .agg(pl.col("ts").diff().median().alias("gap"), pl.col("ts").max(), pl.len())
            .filter(pl.col("len") >= least)
        )
        return {
            customer: Rhythm(gap, last)
            for customer, gap, last in habits.select("customer_id", "gap", "ts").iter_rows()
        }

    def behind(self, customer_ids: Collection[int]) -> list[int]:
        """The ids of these customers, and those that were merged into them."""
        asked = pl.Series("customer_id", list(customer_ids), dtype=pl.Int64)
        return self.facts.log.rows.merges.behind(asked).to_list()

    def people(self, customer_ids: Collection[int], *columns: str) -> pl.DataFrame:
        """These columns of these customers, behind customer_id."""
        rows = self.facts.customers.select("customer_id", *columns)
        return rows.filter(pl.col("customer_id").is_in(list(customer_ids))).collect()

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

    def _last_since(self, act: Act, since: Mapping[int, Since]) -> pl.DataFrame:
        """id, at, ts: the last occurrence of each run's customer, where it is not before ``at``."""
        frame = pl.DataFrame(
            {
                "id": list(since),
                "customer_id": [each.customer_id for each in since.values()],
                "at": [each.at for each in since.values()],
            },
            schema={"id": pl.Int64(), "customer_id": pl.Int64(), "at": UTC_INSTANT},
        )
        if frame.is_empty():
            return frame.select("id", "at", pl.col("at").alias("ts"))
        last = self._last(act, frame)
        found = frame.with_columns(last) if isinstance(last, pl.Series) else frame.join(
            last, on="customer_id"
        )  # fmt: skip
        return found.filter(pl.col("ts") >= pl.col("at")).select("id", "at", "ts")

    def _last(self, act: Act, asked: pl.DataFrame) -> pl.Series | pl.DataFrame:
        """When each asked customer last did it: a column beside them, out of the vector that the
        log keeps for everybody; with comparisons by reading, a row for those who did."""
        if act.where or not self._sources.are_of_everybody:
            first: datetime = asked["at"].min()  # type: ignore[assignment]
            done = self.occurrences(act, first, asked["customer_id"].unique())
            return done.group_by("customer_id").agg(pl.col("ts").max())
        try:
            kind = self._sources.code(act.event)
        except KeyError:
            return pl.Series("ts", [None] * asked.height, dtype=UTC_INSTANT)
        whole = Span(None, self.horizon)
        vector = self._sources.once(
            ("last", kind), lambda: self._sources.vector(kind, whole, "last_ts")
        )
        ids = asked["customer_id"]
        known = ids < vector.len()
        places = pl.select(pl.when(known).then(ids)).to_series()
        found: pl.Series = vector.gather(places).alias("ts")
        return found
