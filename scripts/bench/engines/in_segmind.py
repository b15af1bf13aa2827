"""Segmind's own engine, as a page or a request asks it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import polars as pl

from scripts.bench.engines.dashboards import ANSWERS
from scripts.bench.engines.engine import Answer, Ready, own_peak_bytes, timed
from scripts.bench.questions.built_ins import IDS
from scripts.bench.questions.dialect import Asked, rule_of
from scripts.bench.questions.question import Question
from segmind.customers.facts import read_facts
from segmind.db.engine import Store
from segmind.segments import compile as rules
from segmind.segments.built_ins import BUILT_INS
from segmind.segments.preview import Preview, preview
from segmind.segments.rule import Rule, parse

_BY_ID: Final[Mapping[int, Rule]] = {IDS[each.key]: each.rule for each in BUILT_INS}


class InSegmind:
    """Previews and analytics of a store.

    What is timed is all that a request does: is there anything new in PostgreSQL, count, a sample
    of 20 members, reach by channel. The members themselves, for the comparison with the other
    engines, are asked for again outside the time.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def prepare(self) -> Ready:
        """Read the catalogue and what is not yet in files."""
        _, seconds = timed(lambda: read_facts(self._store))
        return Ready(seconds, f"Segmind (Polars {pl.__version__}, numpy {np.__version__})")

    def ask(self, question: Question, asked: Asked) -> tuple[Answer, float]:
        if question.rule is None:
            answer = ANSWERS[question.name]
            return timed(lambda: answer(read_facts(self._store), asked))
        rule = parse(rule_of(question.rule, asked))
        shown, seconds = timed(lambda: self._preview(rule, asked))
        members = rules.matched(rule, read_facts(self._store), asked.as_of, _BY_ID.get).ids
        if members.len() != shown.count:
            raise AssertionError(f"{question.name}: {shown.count:,} shown, {members.len():,} in it")
        return checksum(members), seconds

    def peak_bytes(self) -> int:
        return own_peak_bytes()

    def close(self) -> None:
        self._store.engine.dispose()

    def _preview(self, rule: Rule, asked: Asked) -> Preview:
        return preview(rule, read_facts(self._store), asked.as_of, _BY_ID.get)


def checksum(members: pl.Series) -> Answer:
    """How many, the sum of their ids, and their xor: as the SQL of every engine says it."""
    ids = members.to_numpy()
    return [[len(ids), int(ids.sum()), int(np.bitwise_xor.reduce(ids))]]
