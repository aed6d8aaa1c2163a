"""Numbers that stand for raw values, given as values appear: by a dictionary in memory, or by DuckDB on disk."""
