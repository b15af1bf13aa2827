"""What became of messages."""

from __future__ import annotations

from typing import Final

from segmind.analytics.glossary.term import Area, Term

AREA: Final = Area(
    "Engagement",
    "A message counts once in each column, at its first such receipt in the period. Opens and "
    "clicks are those of people; machines' stand apart and are never mixed in.",
    (
        Term(
            ("Sent", "Messages sent", "Sent by channel"), "messages",
            "messages that a provider took", "number of messages with a sent receipt",
            "`analytics.engagement`", ("sent",),
        ),
        Term(
            ("Delivered",), "%", "messages that arrived",
            "delivered / sent; in a campaign's report / taken by the provider",
            "`analytics.engagement`, `campaigns.report`", ("delivered",),
        ),
        Term(
            ("Opened*",), "%", "opened by a person, as far as that can be told",
            "opened by people / delivered; * mail privacy proxies open by themselves and are left "
            "out", "`analytics.engagement`", ("opened", "machine_opened"),
        ),
        Term(
            ("Clicked",), "%", "clicked by a person", "clicked by people / delivered",
            "`analytics.engagement`", ("clicked", "machine_clicked"),
        ),
        Term(
            ("Bounced",), "%", "sent back", "bounced / sent; in a campaign's report / taken",
            "`analytics.engagement`", ("bounced",),
        ),
        Term(
            ("Unsubscribed", "Opted out"), "%", "answered with a no", "unsubscribed / delivered",
            "`analytics.engagement`", ("unsubscribed",),
        ),
        Term(
            ("Complained",), "%", "reported as spam", "complained / delivered",
            "`analytics.engagement`; mailbox providers want it below 0.1%", ("complained",),
        ),
        Term(
            ("Reactions", "First 48 hours"), "messages", "receipts over time",
            "messages by the bucket of their first such receipt",
            "`analytics.engagement.over_time`",
        ),
        Term(
            ("Messages by what they belong to",), "messages, %",
            "the same figures by campaign or automation, step, variant, or segment",
            "first receipts in the period; by segment: of messages to its present members, so that "
            "rows overlap", "`analytics.engagement_by`",
        ),
        Term(
            ("Complaints and opt-outs",), "%", "what people did against us, over time",
            "complained / delivered and unsubscribed / delivered, by the day of the receipt",
            "`analytics.deliverability`",
        ),
        Term(
            ("By provider", "By recipient's domain or country"), "%",
            "the same shares where messages went and by whom",
            "bounced / sent; complained, unsubscribed / delivered, judged against the limits of "
            "mailbox providers and carriers", "`analytics.deliverability`",
        ),
        Term(
            ("Bot share",), "%", "how much of opening and clicking machines did",
            "machines' opens and clicks / all opens and clicks", "`analytics.deliverability`",
        ),
        Term(
            ("From segment to delivered",), "customers", "what became of everybody in the segment",
            "segment - whoever was left out, not sent to, still under way or not reached, each at "
            "the first that applies", "`campaigns.report`",
        ),
        Term(
            ("Funnel",), "messages", "from queued to ordered",
            "messages of the campaign by step; orders credited to it by last click",
            "`campaigns.report`",
        ),
        Term(
            ("Who will receive it", "Who received it"), "customers",
            "from the segment to the recipients",
            "segment - everybody left out, each at the first reason that applies; adds up to the "
            "last person", "`audiences`",
        ),
        Term(
            ("In the segment", "Will receive", "Held out"), "customers",
            "the two ends of that waterfall, and who is kept out so that lift can be measured",
            "as the waterfall; held out: stable hash of customer and campaign",
            "`audiences`, `experiments`",
        ),
        Term(
            ("Entered", "Waiting now", "Reached the goal"), "runs",
            "an automation's runs: begun, between two steps, ended by the goal",
            "number of runs in that state", "`automations`",
        ),
    ),
)  # fmt: skip
