"""What the shop took and what messages earned."""

from __future__ import annotations

from typing import Final

from segmind.analytics.glossary.term import Area, Term

AREA: Final = Area(
    "Revenue, attribution and return",
    "Attributed revenue is credit by a rule: it says which messages were there before an order, "
    "not what would have happened without them. The rules, their windows and the vendors' pages "
    "that describe theirs are in `segmind/analytics/rules.py`; every answer names its rule.",
    (
        Term(
            ("Net revenue",), "currency",
            "what the shop took, whatever led to it",
            "order lines - refunds, each by its own instant in the period",
            "`analytics.revenue.summary`", ("net", "net_revenue", "revenue_per_customer"),
        ),
        Term(
            ("Gross revenue",), "currency", "order lines", "sum of the values of order lines",
            "`analytics.revenue.summary`", ("gross",),
        ),
        Term(
            ("Refunds",), "currency", "what was given back, whatever order it belongs to",
            "sum of refunds by their own instant", "`analytics.revenue.summary`", ("refunds",),
        ),
        Term(
            ("Orders",), "orders", "orders that happened in the period",
            "number of orders whose first line lies in the period",
            "`analytics.order_book`; `events.derive` says what an order is", ("orders",),
        ),
        Term(
            ("Buyers",), "customers", "who ordered", "different customers of those orders",
            "`analytics.attribution.ledger`", ("buyers",),
        ),
        Term(
            ("Average order",), "currency", "what an order is worth before refunds",
            "gross revenue / orders, rounded to the minor unit",
            "`analytics.revenue.Summary.average_order`", ("average_order",),
        ),
        Term(
            ("Attributed revenue", "Revenue by channel", "By channel", "Credited revenue",
             "By campaign and automation"),
            "currency", "net revenue of orders credited to messages by the chosen rule",
            "sum over orders of (order lines - its refunds up to the period's end, not below 0), "
            "shared among qualifying touches in whole minor units by largest remainder",
            "`analytics.attribution.ledger`; Hamilton's method in `analytics.shares`",
            ("attributed", "credited", "revenue"),
        ),
        Term(
            ("Attributed orders",), "orders", "orders credited to any message",
            "number of orders with a qualifying touch; one shared among several counts in each of "
            "their rows", "`analytics.attribution.Ledger`", ("attributed_orders",),
        ),
        Term(
            ("Credited customers",), "customers", "who placed the credited orders",
            "different customers of the credited orders", "`analytics.attribution.Ledger.by`",
            ("customers",),
        ),
        Term(
            ("Share of net revenue",), "%", "how much of all revenue a rule credits",
            "attributed revenue / net revenue; side by side: / net revenue of the period's orders",
            "`analytics.revenue.Summary.attributed_share`, `analytics.side_by_side.table`",
            ("attributed_share", "share"),
        ),
        Term(
            ("Rules side by side",), "currency", "what each rule credits of the same orders",
            "credited revenue by rule, own windows for the vendors'",
            "`analytics.side_by_side.table`; vendors' rules as their help pages describe them",
        ),
        Term(
            ("Covered revenue",), "currency", "credited orders, no part of them twice",
            "credited revenue - counted twice", "`analytics.attribution.Ledger.covered`",
            ("covered",),
        ),
        Term(
            ("Counted twice",), "currency", "what a rule credits beyond what orders are worth",
            "sum over orders of max(0, credited - net revenue of the order)",
            "`analytics.attribution.Ledger.counted_twice`", ("counted_twice",),
        ),
        Term(
            ("One order under every rule",), "currency", "who gets what of one order",
            "the order's net revenue shared out by each rule", "`analytics.side_by_side.of_order`",
        ),
        Term(
            ("Credit by step, variant, segment, product or day",), "currency",
            "attributed revenue in finer parts",
            "step and variant: those of the message; segment: present members, who may be in "
            "several; product: the order's credit shared by the values of its lines; day: calendar "
            "day of the order", "`analytics.credit_by`",
        ),
        Term(
            ("Cost", "Message cost"), "currency", "what providers are paid for messages",
            "sum over sent messages of price by channel, provider and country at the hand-over x "
            "SMS parts (1 on other channels)",
            "`analytics.message_costs`; prices: `workspace.prices`",
            ("message_cost_micros", "messages", "parts"),
        ),
        Term(
            ("Cost, about",), "currency", "what a campaign will cost if it is sent now",
            "recipients x mean price of up to 200 sampled recipients' texts",
            "`campaigns.cost.estimate`",
        ),
        Term(
            ("Discounts",), "currency", "what credited orders were reduced by",
            "the property discount of each credited order, shared as its credit is",
            "`analytics.discounts`", ("discount",),
        ),
        Term(
            ("Profit",), "currency", "what is left of attributed revenue",
            "attributed revenue - message cost - discounts", "`analytics.roi.Return`",
            ("profit_micros",),
        ),
        Term(
            ("ROI", "Return on messages"), "times", "what a spent unit brought beyond itself",
            "(attributed revenue - message cost - discounts) / (message cost + discounts); a dash "
            "where nothing was spent", "`analytics.roi.Return.roi`", ("roi",),
        ),
        Term(
            ("Incremental revenue", "Incremental ROI"), "currency; times",
            "what messages caused, by experiment",
            "revenue per recipient - revenue per customer held out, x recipients, with its 95% "
            "interval; not shown where nobody was held out", "`analytics.roi.Incremental`",
            ("value", "low", "high"),
        ),
        Term(
            ("Lift: what would not have happened anyway",), "currency",
            "revenue that a campaign, an automation or all marketing caused, with its interval",
            "(net revenue per customer of the audience - that of its holdout) x audience, in the "
            "days chosen after the launch; of an automation, after each customer came to its "
            "split; of all marketing, everybody against the global holdout. Welch's interval "
            "(where few bought with the variance of both groups together) after CUPED with the 30 "
            "days before; while the window is open, or for what goes on, an interval that "
            "may be looked at any time",
            "`analytics.lift.measure`, `analytics.rolling_lift`, `analytics.global_lift`",
        ),
        Term(
            ("Lift side by side",), "currency",
            "lift of every campaign and automation that holds somebody out",
            "as Lift, of campaigns launched in the period and of automations by who came in it; "
            "each interval holds for itself; what is said of all of them together, and p of all "
            "together, is corrected for their number (Holm 1979)",
            "`analytics.lift.measure`, `analytics.rolling_lift`",
        ),
        Term(
            ("Incremental return",), "times", "what a spent unit brought that nothing else would",
            "(incremental revenue - message cost - discounts) / (message cost + discounts), with "
            "the 95% interval of the incremental revenue",
            "`analytics.roi.Return.incremental_roi`",
        ),
        Term(
            ("Variants",), "points; currency", "how much more a variant has than A, per customer",
            "metric (share who clicked or ordered, or net revenue) per customer drawn for the "
            "variant - that of A, until the test's end. A winner beats every other variant with "
            "p <= 5% after Holm's correction for all pairs; intervals are Bonferroni's. Shares: "
            "Newcombe and the score test; revenue: Welch after CUPED",
            "`experiments.contest.judge`, `campaigns.standing`",
        ),
        Term(
            ("Revenue",), "currency", "what this campaign or automation is credited with",
            "attributed revenue of its messages by last click", "`analytics.attribution.ledger`",
        ),
    ),
)  # fmt: skip
