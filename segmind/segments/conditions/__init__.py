"""The conditions of the rule language, a file for each family."""
