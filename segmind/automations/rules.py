"""Segment rules asked of people in flight."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime
from functools import lru_cache

from sqlalchemy import Connection

from segmind.automations.part import RuleJson
from segmind.automations.world import Matching
from segmind.customers.facts import Facts
from segmind.segments import compile as compiling
from segmind.segments.rule import Rule, parse
from segmind.segments.segment import resolver


def matching_in(conn: Connection) -> Matching:
    """The question which of some customers match a rule; segments are looked up by ``conn``."""
    resolve = resolver(conn)

    def matching(
        rule: RuleJson, facts: Facts, customer_ids: Collection[int] | None, as_of: datetime
    ) -> set[int]:
        asked = facts if customer_ids is None else facts.among(customer_ids)
        found = compiling.matched(_parsed(json.dumps(rule, sort_keys=True)), asked, as_of, resolve)
        return set(found.ids)

    return matching


@lru_cache(maxsize=1_000)
def _parsed(rule: str) -> Rule:
    return parse(rule)
