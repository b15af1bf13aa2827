"""Segments: rules that say which customers, and one evaluator for them."""
