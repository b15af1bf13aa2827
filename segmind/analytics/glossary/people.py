"""Customers and segments."""

from __future__ import annotations

from typing import Final

from segmind.analytics.glossary.term import Area, Term

AREA: Final = Area(
    "Customers and segments",
    "A segment's figures are of the moment that stands beside them; what its rule means is in "
    "[segment-rules.md](segment-rules.md).",
    (
        Term(
            ("Customers", "Size", "Size by day"), "customers", "who a rule means",
            "different customers for whom the rule holds as of the moment",
            "`segments.preview`, `segments.membership`", ("size", "trend"),
        ),
        Term(
            ("Active customers",), "customers", "who did anything in the shop",
            "different customers with an event that is no message and no membership",
            "`analytics.visitors`",
        ),
        Term(
            ("Before", "After", "Came", "Stayed", "Changed", "Entered", "Left"), "customers",
            "who moved between two moments or two groups",
            "members then and not now, now and not then, in both, in another group",
            "`segments.movements`, `segments.migration`",
        ),
        Term(
            ("Why they entered", "Why they left"), "customers",
            "by which condition customers entered or left",
            "those whose verdict changed at that condition", "`segments.movements`",
        ),
        Term(
            ("From segment to segment", "Overlap of segments"), "customers",
            "who is in both, at two moments or at one", "size of the intersection",
            "`segments.migration`, `segments.overlap`",
        ),
        Term(
            ("Segment performance",), "customers; currency",
            "what the members of each segment did in the period",
            "acts of present members, also from before they entered; rows overlap",
            "`analytics.segment_performance`", ("sessions",),
        ),
        Term(
            ("Conversion",), "%", "how many buy",
            "segments: members with an order in the period / members; a customer: orders / "
            "sessions", "`analytics.segment_performance`, `customers.profile`",
            ("conversion_rate",),
        ),
        Term(
            ("Product funnel",), "sessions or customers", "from looking to buying",
            "sessions or customers with at least one such event in the period, in any order; share "
            "of the first and of the previous step", "`analytics.funnel.product_funnel`",
            ("count", "of_first", "of_previous"),
        ),
        Term(
            ("Carts left, by session",), "%", "abandonment by session",
            "sessions with an addition and no order / sessions with an addition",
            "`analytics.funnel.abandonment`", ("by_session",),
        ),
        Term(
            ("By cart event",), "%", "abandonment by event", "1 - order lines / additions",
            "`analytics.funnel.abandonment`", ("by_cart_event",),
        ),
        Term(
            ("By customer",), "%", "abandonment by customer",
            "customers with an addition and no order in the period / customers with an addition",
            "`analytics.funnel.abandonment`", ("by_customer",),
        ),
        Term(
            ("Last seen",), "time", "when a customer last did anything in the shop",
            "now - newest event of his that is no message", "`customers.profile`",
        ),
    ),
)  # fmt: skip
