"""Customers: identity, traits, columns for questions, import, export and erase."""
