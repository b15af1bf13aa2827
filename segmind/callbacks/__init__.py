"""Outbound webhooks: told to the caller's address, signed, retried, never into our own network."""
