"""The event log: one log for what customers do and what happens to messages."""
