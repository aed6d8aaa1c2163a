"""Base classes of tables and schemes, statistics for them, and the file format of tables."""
