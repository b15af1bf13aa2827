"""Segment rules asked of people in flight."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from functools import lru_cache

import polars as pl
from sqlalchemy import Connection

from segmind.automations.definition import RuleJson
from segmind.automations.world import Matching
from segmind.customers.facts import Facts
from segmind.segments import compile as compiling
from segmind.segments.rule import Rule, parse
from segmind.segments.segment import resolver


def matching_in(conn: Connection) -> Matching:
    """The question which of some customers match a rule; segments are looked up by ``conn``."""
    resolve = resolver(conn)

    def matching(
        rule: RuleJson, facts: Facts, customer_ids: Collection[int], as_of: datetime
    ) -> set[int]:
        mine = pl.Series(sorted(set(customer_ids)), dtype=pl.Int64())
        people = facts.customers.filter(pl.col("customer_id").is_in(mine.implode()))
        found = compiling.matching(
            _parsed(json.dumps(rule, sort_keys=True)),
            replace(facts, customers=people),
            as_of,
            resolve,
        )
        return set(found.collect()["customer_id"])

    return matching


@lru_cache(maxsize=1_000)
def _parsed(rule: str) -> Rule:
    return parse(rule)
