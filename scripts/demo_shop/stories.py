"""The demo shop's past campaigns: what was sent to whom, and what it truly caused."""

from __future__ import annotations

from dataclasses import dataclass

from segmind.events.schema import Channel


@dataclass(frozen=True, slots=True)
class Story:
    """One past campaign.

    ``effect`` is the true share of delivered recipients who order because of it (the holdout
    does not); it is what the lift report should find within its interval. ``opens`` and
    ``clicks`` are shares of delivered messages; ``machine`` the share opened by machines.
    """

    name: str
    channel: Channel
    days_ago: float
    group: int  # which of the segments of the channel's subscribers
    holdout_percent: float
    effect: float
    opens: float
    clicks: float
    machine: float
    subject: str
    body: str


STORIES = (
    Story(
        "Autumn sale: early access", Channel.EMAIL, 46.2, 0, 10, 0.016, 0.36, 0.062, 0.12,
        "Your early access to the autumn sale",
        "Hi {{ first_name | default: 'there' }}, the autumn sale opens for you today.",
    ),
    Story(
        "New in: headphones", Channel.EMAIL, 39.4, 1, 5, 0.006, 0.29, 0.034, 0.12,
        "Sound that fits", "New headphones are in, {{ first_name | default: 'dear customer' }}.",
    ),
    Story(
        "Weekend deal in the app", Channel.PUSH, 33.1, 0, 10, 0.009, 0.11, 0.052, 0.0,
        "This weekend only", "20% off everything for the kitchen, until Sunday.",
    ),
    Story(
        "Flash sale Thursday", Channel.SMS, 27.3, 0, 10, 0.022, 0.0, 0.094, 0.0,
        "", "Flash sale today until midnight: 15% off TVs. Reply STOP to opt out",
    ),
    Story(
        "Back in stock: best sellers", Channel.EMAIL, 20.2, 2, 5, 0.005, 0.31, 0.041, 0.12,
        "Back in stock", "The ones you asked for are back, {{ first_name | default: 'there' }}.",
    ),
    Story(
        "Mid-month savings", Channel.SMS, 13.3, 0, 10, 0.018, 0.0, 0.081, 0.0,
        "", "Mid-month savings: 10% off with code MID10. Reply STOP to opt out",
    ),
    Story(
        # A true zero: an honest report must call it not significant.
        "The style guide", Channel.EMAIL, 8.2, 1, 10, 0.0, 0.33, 0.029, 0.12,
        "The November style guide", "Ten looks for November, picked by our editors.",
    ),
    Story(
        "Thank-you week", Channel.EMAIL, 3.3, 0, 10, 0.011, 0.37, 0.058, 0.12,
        "A thank you from us", "Free delivery all week, {{ first_name | default: 'friend' }}.",
    ),
)  # fmt: skip

#: Share of e-mails that bounce hard, of delivered messages that lead to an opt-out or complaint.
HARD_BOUNCES = {Channel.EMAIL: 0.012, Channel.SMS: 0.018, Channel.PUSH: 0.025}
UNSUBSCRIBES = 0.0022
COMPLAINTS = 0.0003
#: Cost of one message in millionths of the currency unit.
COST_MICROS = {Channel.EMAIL: 600, Channel.SMS: 7_900, Channel.PUSH: 50}

#: The past cart recovery: its subject and body are those of the recipe.
CART_RECOVERY_DAYS = 40
CART_RECOVERY = Story(
    "Cart recovery", Channel.EMAIL, 0, 0, 0, 0.045, 0.44, 0.115, 0.12, "", ""
)  # fmt: skip
