"""Files of events into the log: every row accepted, repeated or rejected with its reason."""
