"""Solvers of many small systems at once, and of one large one, that factorisations share."""
