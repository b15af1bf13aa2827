"""The sections of the Revenue page."""
