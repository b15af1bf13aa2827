"""Who may be written to: consent, suppressions, caps, quiet hours, and the one gate."""
