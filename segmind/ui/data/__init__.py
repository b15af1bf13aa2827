"""Cached reads of the pages and the writes that clear them; the only place for either."""
