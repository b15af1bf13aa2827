"""Pieces of pages: functions with one verb that never ask the database."""
