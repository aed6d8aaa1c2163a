"""Data sets in the layouts of other frameworks, read as they are."""
