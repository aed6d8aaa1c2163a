"""Repeats runs from their records, and says to which digit the results agree and why they may not."""
