"""What an automation would have done."""

from __future__ import annotations

from typing import Final

from segmind.analytics.glossary.term import Area, Term

AREA: Final = Area(
    "Back-tests",
    "An automation replayed over the log before it is switched on, each run as of its own moments; "
    "what it takes as of now is said beside it. Entries are those that the live engine would have "
    "made (a test holds the two equal).",
    (
        Term(
            ("Would enter",), "runs", "runs that would have begun in the period",
            "triggers known within a day, by key, re-entry and entry filter, not overtaken by what "
            "ends a run",
            "`automations.backtest`", ("entered",),
        ),
        Term(
            ("Would be reached",), "runs", "runs in which a message would have left",
            "runs with at least one message that passed consent, hours and caps",
            "`automations.backtest`", ("reached",),
        ),
        Term(
            ("Would be sent",), "messages", "messages that would have left, up to now",
            "messages of all steps less those blocked, withdrawn or expired",
            "`automations.backtest`", ("sent",),
        ),
        Term(
            ("Would have cost",), "currency", "what those messages cost by the present prices",
            "messages x parts (SMS, by a sample of recipients) x price by country",
            "`automations.backtest`", ("cost_micros",),
        ),
        Term(
            ("Entries and messages by day",), "runs and messages", "when it would have happened",
            "runs by the day on which they begin, messages by the day on which they leave, days of "
            "the workspace",
            "`automations.backtest`",
        ),
        Term(
            ("Messages by step",), "messages", "what each send step would have sent",
            "messages that left, by step; the table has those that did not, by reason",
            "`automations.backtest`", ("blocked",),
        ),
        Term(
            ("By themselves",), "%", "how many reach the goal without any message of this "
            "automation, by when: a delay before which many come anyway spares messages",
            "share of runs whose goal came within so long of the last change (the last event that "
            "starts the first wait anew, before the goal; else the trigger), by Kaplan and Meier "
            "(1958): runs that could be watched for less count for as long as they were",
            "`automations.backtest`", ("share", "counted"),
        ),
        Term(
            ("Messages by hour of day",), "messages", "when the load comes",
            "messages that left, by hour of the workspace's clock; the busiest minute and hour are "
            "said below",
            "`automations.backtest`", ("per_minute", "per_hour", "hours"),
        ),
        Term(
            ("Why others got nothing",), "runs", "runs without a message, each at one reason",
            "the fate of the first message that was to go, else why the run ended; they add up to "
            "the runs that entered",
            "`automations.backtest`", ("reasons",),
        ),
    ),
)  # fmt: skip
