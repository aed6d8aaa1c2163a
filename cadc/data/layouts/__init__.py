"""Layouts of other frameworks, in which the rows of a log and vectors of its values are written."""
