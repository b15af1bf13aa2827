"""What a question of the benchmark is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from scripts.bench.questions.dialect import Dialect

Group = Literal["built-in", "rule", "dashboard"]


@dataclass(frozen=True, slots=True)
class Question:
    """One question in every engine's words.

    ``rule`` is the rule's JSON; without one the question is a dashboard's, and our engine answers
    it by the function of that ``name`` in ``engines.dashboards``. ``sql`` is the same question for
    DuckDB and, unless ``own`` has a text by the dialect's name, for the others. The SQL of a rule
    selects the ``customer_id`` of each member once; that of a dashboard selects the figures.
    """

    name: str
    title: str
    sql: str
    group: Group = "rule"
    rule: Mapping[str, Any] | None = None
    own: Mapping[str, str] = field(default_factory=dict)

    def template(self, dialect: Dialect) -> str:
        return self.own.get(dialect.name, self.sql)
