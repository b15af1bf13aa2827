"""What conditions need of the log: one row per customer, computed once for many rules."""
