"""Analytics: questions to the log; small frames out."""
