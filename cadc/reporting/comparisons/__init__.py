"""Comparisons of the rows of a table with references: how they are computed, kept and shown."""
