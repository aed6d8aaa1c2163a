"""Remarks on what a log holds: found once in preparation, kept with the log, and said wherever it is opened."""
