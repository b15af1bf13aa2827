"""Experiments: stable assignment, holdouts, variants."""
