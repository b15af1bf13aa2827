"""The engines of the benchmark: each answers the same questions from the same files."""
