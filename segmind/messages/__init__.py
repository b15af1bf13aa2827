"""Messages: the outbox, its dispatch, and the receipts that come back."""
