"""Charts: one function each, from a small frame to a Plotly figure."""
