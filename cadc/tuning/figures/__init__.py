"""Figures of a study: its history, what mattered, and where in the space trials did well."""
