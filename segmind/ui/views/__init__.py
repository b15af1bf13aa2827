"""Sections of pages that need more room than a page has: each chooses, asks and shows."""
