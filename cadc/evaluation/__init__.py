"""How good scores are: every metric is computed from the saved scores."""
