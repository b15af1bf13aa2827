"""Step 3: whether several variants are tried first, on how many, and what decides."""

from __future__ import annotations

from typing import Any, Final

import streamlit as st

from segmind.campaigns.campaign import Campaign
from segmind.campaigns.variant_test import NAMES, VariantTest, Written
from segmind.experiments.contest import Metric
from segmind.ui import figures, problems
from segmind.ui.access import Viewer
from segmind.ui.components.confirm import confirm
from segmind.ui.components.empty import empty_state
from segmind.ui.data import campaigns
from segmind.ui.views.campaigns import seen, sizing
from segmind.workspace.permissions import Action

_HOURS: Final = (0.5, 1.0, 2.0, 4.0, 8.0, 12.0, 24.0, 48.0, 72.0, 168.0)
_DECIDE: Final = {"automatic": "by itself", "by_hand": "I choose"}
_OTHERWISE: Final = {
    "leader": "the variant that leads",
    "control": "variant A",
    "wait": "nothing until I choose",
}


def show(campaign: Campaign, viewer: Viewer) -> None:
    """The plan on the left, what it can find out on the right."""
    locked = not viewer.may(Action.EDIT_CAMPAIGNS)
    test = campaign.variant_test
    if test is None:
        _begin(campaign, locked)
        return
    left, right = st.columns([1, 1.1])
    with left:
        changed = _choices(campaign, test, locked)
        if changed != test and not locked:
            with problems.shown("Change the test"):
                campaign = seen.write(campaign, {"variant_test": changed})
        _remove(campaign, locked)
    with right, problems.shown("Look the test over"):
        _words(campaign, campaign.variant_test or test)


def _begin(campaign: Campaign, locked: bool) -> None:
    begun = empty_state(
        "One message for everybody",
        "Or try two to five variants on a part of the audience first: the better one is found, "
        "with what may be said of it, and the rest is sent it.",
        icon="science",
        action="" if locked else "Test variants",
        key="cmp_test",
    )
    if begun:
        plan = VariantTest(variants=(Written(content=campaign.content or {}),))
        with problems.shown("Plan a test"):
            seen.write(campaign, {"variant_test": plan})
            st.rerun()


def _choices(campaign: Campaign, test: VariantTest, locked: bool) -> VariantTest:
    own = f"cmp_{campaign.id}_test"
    common: dict[str, Any] = {"disabled": locked}
    shown = round(test.share_percent)
    nearest = min(range(len(_HOURS)), key=lambda n: abs(_HOURS[n] - test.hours))
    count = st.segmented_control(
        "Variants",
        [2, 3, 4, 5],
        default=len(test.arms),
        required=True,
        key=f"{own}_count",
        help="Each is written in the step Message.",
        **common,
    )
    share = st.slider(
        "Share of the audience that sees them, %",
        min(5, shown),
        100,
        shown,
        step=5 if shown % 5 == 0 else 1,
        key=f"{own}_share",
        help="Drawn by chance, in equal parts for the variants. The rest is sent what wins; with "
        "100% there is no rest.",
        **common,
    )
    metric = st.selectbox(
        "The better one has more",
        list(Metric),
        index=list(Metric).index(test.metric),
        format_func=lambda each: each.label,
        key=f"{own}_metric",
        help="Clicks are those of people; everybody who was to get the variant counts.",
        **common,
    )
    hours = st.selectbox(
        "Decided after",
        _HOURS,
        index=nearest,
        format_func=_hours,
        key=f"{own}_hours",
        help="From when the last message of the test was queued. What comes later does not count.",
        **common,
    )
    decide = st.radio(
        "Who decides",
        list(_DECIDE),
        index=list(_DECIDE).index(test.decide),
        format_func=lambda key: _DECIDE[key],
        horizontal=True,
        key=f"{own}_decide",
        **common,
    )
    otherwise = st.selectbox(
        "Where no variant is clearly better, the rest is sent",
        list(_OTHERWISE),
        index=list(_OTHERWISE).index(test.otherwise),
        format_func=lambda key: _OTHERWISE[key],
        key=f"{own}_otherwise",
        disabled=locked or decide == "by_hand",
    )
    return test.with_variants((count or 2) - 1, campaign.content or {}).model_copy(
        update={
            # What the API set more finely than these steps stays as it is.
            "share_percent": test.share_percent if share == shown else float(share),
            "metric": Metric(metric),
            "hours": test.hours if hours == _HOURS[nearest] else float(hours),
            "decide": decide,
            "otherwise": otherwise,
        }
    )


def _hours(hours: float) -> str:
    if hours < 1:
        return f"{hours * 60:.0f} minutes"
    return figures.plural(hours, "hour") if hours < 48 else figures.plural(hours / 24, "day")


def _remove(campaign: Campaign, locked: bool) -> None:
    if st.button(
        "Take the test out", icon=":material/close:", disabled=locked, key="cmp_no_test_any_more"
    ):
        confirm(
            "Take the test out?",
            "What is written in the variants beside A is lost.",
            "Take it out",
            lambda: seen.write(campaign, {"variant_test": None}),
            key="cmp_no_test_dialog",
        )


def _words(campaign: Campaign, test: VariantTest) -> None:
    found = campaigns.review(campaign.id)
    with st.container(border=True, key="cmp_test_words"):
        st.subheader("What happens", anchor=False)
        names = ", ".join(NAMES[: len(test.arms)])
        end = _hours(test.hours)
        if test.decide == "by_hand":
            then = f"After {end} you are shown what they did, and choose what the rest is sent."
        else:
            then = (
                f"After {end} the variant with more {test.metric.label} is sent to the rest, if it "
                "beats every other by more than chance (95%, corrected for all pairs). Else the "
                f"rest is sent {_OTHERWISE[test.otherwise]}."
            )
        if test.share_percent >= 100:
            then = f"After {end} the report says which is better; there is no rest to be sent it."
        share = f"{figures.per_cent(test.share_percent)} of the audience"
        st.markdown(f"{share}, drawn by chance, see {names} in equal parts. {then}")
        if found.sizing is not None and found.sizing.test is not None:
            st.markdown(sizing.of_contest(found.sizing.test))
        else:
            st.caption("Choose an audience, to see how small a difference this can find.")
