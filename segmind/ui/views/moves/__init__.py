"""The sections of the page of segment moves."""
