"""The sections of the page Deliverability."""
