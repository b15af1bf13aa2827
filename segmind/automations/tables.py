"""Automations: definitions in versions, and the runs of customers through them."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)

from segmind.db.metadata import Instant, Json, metadata

automation = Table(
    "automation",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("name", Text, nullable=False),
    Column("state", Text, nullable=False, server_default="draft"),  # draft, live, paused, stopped
    Column("version", Integer, nullable=False, server_default="1"),
    Column("idempotency_key", Text, unique=True),
    Column("live_since", Instant),  # triggers before this instant start no run
    Column("scanned_to", Instant),  # what arrived up to here has been looked at for triggers
    Column("heeded_to", Instant),  # ... and for events that end runs or that runs wait for
    Column("created_by", Text, nullable=False, server_default=""),
    Column("created_at", Instant, nullable=False, server_default=func.now()),
    Column("updated_at", Instant, nullable=False, server_default=func.now()),
)

automation_version = Table(
    "automation_version",
    metadata,
    Column("automation_id", ForeignKey("automation.id", ondelete="CASCADE"), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("definition", Json, nullable=False),  # automations.definition.Definition as JSON
    Column("created_at", Instant, nullable=False, server_default=func.now()),
)

automation_run = Table(
    "automation_run",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("automation_id", ForeignKey("automation.id", ondelete="CASCADE"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("customer_id", BigInteger, nullable=False),
    Column("entry_key", Text, nullable=False),  # one run per cart, order, entry
    Column("triggered_at", Instant, nullable=False),  # instant of the event that started it
    Column("entered_at", Instant, nullable=False),
    Column("step", Text),  # id of the step that comes next
    Column("due_at", Instant),
    Column("state", Text, nullable=False, server_default="waiting"),  # waiting, exited, failed
    Column("exit_reason", Text),  # finished, goal, holdout, rule text ...
    Column("exited_at", Instant),
    Column("vars", Json),
    Column("arrived_at", Instant),  # when it came to its step; null in runs older than 0.3
    UniqueConstraint("automation_id", "customer_id", "entry_key"),
    # Claims go automation by automation: what a paused one holds is in nobody's way.
    Index(
        "ix_automation_run_due",
        "automation_id",
        "due_at",
        "id",
        postgresql_where=text("state = 'waiting'"),
    ),
    Index("ix_automation_run_customer_id", "customer_id"),
    Index("ix_automation_run_state", "automation_id", "state", "step"),
)

#: What happened to a run, step by step; append-only.
automation_run_step = Table(
    "automation_run_step",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("run_id", ForeignKey("automation_run.id", ondelete="CASCADE"), nullable=False),
    Column("step", Text, nullable=False),
    Column("outcome", Text, nullable=False),  # automations.flow.Note
    Column("detail", Json),
    Column("at", Instant, nullable=False),
    UniqueConstraint("run_id", "step", "outcome"),
)

#: How many runs came to each step and what became of them there: the sums of the history, kept
#: with it, so that nobody has to count millions of rows. Step '' is the automation as a whole.
automation_count = Table(
    "automation_count",
    metadata,
    Column("automation_id", ForeignKey("automation.id", ondelete="CASCADE"), primary_key=True),
    Column("step", Text, primary_key=True),
    Column("outcome", Text, primary_key=True),  # entered, converted, or a note's outcome
    Column("n", BigInteger, nullable=False),
)
