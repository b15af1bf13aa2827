"""Benchmarks: scripts that print figures, and ratios against other engines of the same run."""
