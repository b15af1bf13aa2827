"""The sections of the campaign pages."""
