"""The store: PostgreSQL and the folder of event files."""
