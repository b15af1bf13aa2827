"""The sections of the segment pages."""
