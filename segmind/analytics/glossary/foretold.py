"""Whether customers come back, and what they will do."""

from __future__ import annotations

from typing import Final

from segmind.analytics.glossary.term import Area, Term

AREA: Final = Area(
    "Customers understood",
    "Several orders of one customer on one calendar day are one purchase here: gaps, cohorts and "
    "predictions count days with an order. Predictions are expectations of a model, fitted anew "
    "every day from all purchases before it; each customer's own purchases count up to the moment.",
    (
        Term(
            ("Customers by RFM group", "Recency by frequency"), "customers",
            "who bought how lately and how often",
            "scores 1 to 5 = 1 + floor(5 x strictly worse / customers with orders in the window) "
            "of last order, number of orders and net revenue; the group follows from the first two",
            "`analytics.rfm_groups`, `segments.rfm`; names of the R package rfm and of Putler",
            ("recency", "frequency", "before", "days_since", "window_days"),
        ),
        Term(
            ("New customers",), "customers", "who ordered for the first time in the period",
            "customers whose first order in the log lies in the period", "`analytics.retention`",
            ("cohort_size",),
        ),
        Term(
            ("Back in week 1", "Back in week 2", "Back in week 4", "Back in month 1",
             "Back in month 2", "Back in month 4"), "%",
            "how many came back so long after their first order",
            "of cohorts that are old enough: customers with an order in the n-th calendar week or "
            "month after that of their first order / customers", "`analytics.retention`",
            ("base",),
        ),
        Term(
            ("Retention by cohort", "Retention curve"), "%",
            "how many of those who began together order again in later weeks or months",
            "customers of the cohort with an order in the n-th week or month / customers of the "
            "cohort; not cumulative; a week or month that is not over is marked and in no curve",
            "`analytics.retention`", ("offset",),
        ),
        Term(
            ("Customers who bought", "Still customers, expected", "Still a customer",
             "Probability of still being a customer"), "customers; %",
            "who has not left for good",
            "1 / (1 + [x > 0] a / (b + x - 1) ((alpha + T) / (alpha + t_x))^(r + x)) of each "
            "customer: x repeat purchases, t_x days from the first to the last, T days from the "
            "first to the moment; expected number: the sum",
            "`predictions.bg_nbd`; BG/NBD, equation 8 of Fader, Hardie and Lee (2005)",
            ("alive",),
        ),
        Term(
            ("Expected orders",), "days with an order", "how often customers will order",
            "BG/NBD's conditional expectation for the days ahead, summed over customers",
            "`predictions.bg_nbd`; equation 10 of Fader, Hardie and Lee (2005), in Euler's form",
            ("expected",),
        ),
        Term(
            ("The model",), "days; minor units", "what customers are taken to be like",
            "parameters that make what customers did the likeliest: r, alpha, a, b of BG/NBD; p, "
            "q, gamma of Gamma-Gamma", "`predictions.model`; maximum likelihood by L-BFGS-B",
            ("r", "alpha", "a", "b", "p", "q", "gamma", "returned", "log_likelihood",
             "correlation"),
        ),
        Term(
            ("Expected revenue", "Customers by expected value"), "currency",
            "net revenue to be expected, not discounted",
            "expected orders x p (gamma + spent) / (p n + q - 1), of each customer: n days with an "
            "order, spent net revenue so far (not below 0); rounded to the minor unit",
            "`predictions.gamma_gamma`; Gamma-Gamma, equation 5 of Fader and Hardie (2013)",
            ("least", "tenth"),
        ),
        Term(
            ("Forecast against fact", "Forecast by how often they had come back"), "orders",
            "how an earlier forecast has fared",
            "a model fitted to the days before the last third of the log (90 days at most, whole "
            "weeks), against the days with an order that then came, of customers known by then",
            "`analytics.forecast_check`", ("actual", "error", "repeats"),
        ),
        Term(
            ("At risk after", "Lapsed after", "At risk now", "Lapsed now", "Thresholds of silence"),
            "days; customers; %", "from when on silence tells that somebody is gone",
            "quantiles of the gaps between a customer's successive days with an order (at risk "
            "75%, lapsed 90%). Precision: bought nothing in the days held back / flagged; recall: "
            "flagged / bought nothing; thresholds learnt and customers flagged before those days",
            "`analytics.lapse`",
            ("quantile", "days", "precision", "recall", "flagged", "gaps", "at_risk", "lapsed",
             "held", "judged", "quiet"),
        ),
        Term(
            ("Still waiting for the next order",), "%",
            "how long it takes customers to order again",
            "Kaplan and Meier's estimate of the share of days with an order not yet followed by "
            "another, those not followed so far counted as long as they have been waited for",
            "`analytics.lapse`", ("waiting",),
        ),
        Term(
            ("Best hour by group",), "opens and clicks, or orders",
            "at which hour of the day a group reacts",
            "opens and clicks by people, or orders, by hour of the workspace's zone; the hour with "
            "the most, of groups with at least 100", "`analytics.send_hours`",
            ("hour", "acts", "best"),
        ),
        Term(
            ("Conversion, by session", "Conversion, by customer", "Conversion, by product view"),
            "%", "how often looking ends in buying",
            "sessions with an order / sessions with a view, addition, checkout or order; customers "
            "with an order line / customers active in the shop; order lines / product views",
            "`analytics.funnel.conversion`", ("by_product_view",),
        ),
        Term(
            ("Flows between segments",), "customers", "who moved from one group to another",
            "customers in one group then and in another now", "`segments.migration`",
        ),
    ),
)  # fmt: skip
