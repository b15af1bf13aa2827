"""The sections of the automation pages."""
