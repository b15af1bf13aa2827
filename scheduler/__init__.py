"""The scheduler process: one table of jobs, and a ticker that runs them."""
