"""One number per customer: the log's totals as arrays that are indexed by customer id."""
