"""The sections of the pages Messages and Message."""
