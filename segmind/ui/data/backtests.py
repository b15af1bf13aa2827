"""Back-tests and simulations for the pages: nothing of them is kept."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import streamlit as st

from segmind.automations.backtest import asked
from segmind.automations.backtest.expected import Expected
from segmind.automations.backtest.past import Past, instant, micros
from segmind.automations.backtest.question import Question
from segmind.automations.backtest.result import Backtest
from segmind.automations.backtest.simulating import Simulated
from segmind.automations.backtest.timeline import BEFORE_ALL
from segmind.automations.definition import Definition, parse
from segmind.automations.triggers import EventTrigger
from segmind.automations.world import act_of
from segmind.errors import SegmindError
from segmind.stopping import Running
from segmind.ui.data import facts
from segmind.ui.data.periods import Asked, period_of
from segmind.ui.store import now, store

#: Nobody waits longer for a back-test.
_MOST_SECONDS: Final = 300.0
#: How many days the summary before switching on looks back.
LATELY: Final = 7


def price(definitions: list[Definition], stretch: Asked, automation_id: int) -> Expected:
    """What replaying all of them over the stretch costs. Raises InvalidPeriod."""
    each = [asked.price(store(), _question(d, stretch, automation_id)) for d in definitions]
    return Expected(sum(one.events for one in each), sum(one.seconds for one in each))


def begin(
    definitions: list[Definition], stretch: Asked, automation_id: int
) -> Running[list[Backtest]]:
    """Replay each of them beside the page; it can be stopped."""
    here = store()
    questions = [_question(definition, stretch, automation_id) for definition in definitions]
    return Running(lambda: [asked.backtested(here, q) for q in questions], _MOST_SECONDS)


def lately(definition: Definition, automation_id: int) -> Backtest | None:
    """What it would have done in the last days, where that is quickly told."""
    return _lately(json.dumps(definition.as_json(), sort_keys=True), automation_id)


@st.cache_data(ttl=600, max_entries=32, show_spinner=False)
def _lately(definition: str, automation_id: int) -> Backtest | None:
    moment = now()
    question = Question(
        parse(json.loads(definition)),
        moment - timedelta(days=LATELY),
        moment,
        moment,
        automation_id,
    )
    try:
        if not asked.price(store(), question).is_free:
            return None
        return asked.backtested(store(), question)
    except SegmindError:
        return None


def simulated(
    definition: Definition, customer_id: int, start: datetime | None, automation_id: int
) -> Simulated:
    """One customer's way from ``start`` (None: now) on. Raises InvalidDefinition, NotFound."""
    return asked.simulated(store(), definition, customer_id, start or now(), automation_id)


def last_trigger(definition: Definition, customer_id: int) -> datetime | None:
    """When the customer last did what starts a run; None where no event does, or they never did."""
    trigger = definition.trigger
    if not isinstance(trigger, EventTrigger):
        return None
    past = Past(facts.facts().of_customer(customer_id), None, now())
    timeline = past.timeline(act_of(trigger.event, trigger.where, "trigger"))
    found = int(timeline.last(np.array([customer_id]), np.array([micros(now())]))[0])
    return None if found == BEFORE_ALL else instant(found)


def _question(definition: Definition, stretch: Asked, automation_id: int) -> Question:
    period = period_of(stretch)
    return Question(definition, period.since, period.until, now(), automation_id)
