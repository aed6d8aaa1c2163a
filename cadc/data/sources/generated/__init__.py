"""Logs that are generated over time, with all that drifts in them known."""
