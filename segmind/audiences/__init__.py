"""Audiences: a segment minus everyone we must not or choose not to reach, with reasons."""
