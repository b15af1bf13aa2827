"""What customers will do next, told from how they have bought so far."""
