"""The sections of the Engagement page."""
