"""Who is chosen by chance, and always the same: buckets, holdouts, variants."""
