"""Gradient-boosted trees on counts and mean labels of values: what a table of features alone finds."""
