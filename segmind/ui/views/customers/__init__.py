"""The sections of the customer page."""
