"""Templates: what is written, and how it becomes one customer's content."""
