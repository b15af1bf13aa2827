"""What the page Customer insight shows."""
