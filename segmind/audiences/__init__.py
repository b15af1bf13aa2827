"""Audiences: a segment minus everyone who must or shall not be reached, each with the reason."""
