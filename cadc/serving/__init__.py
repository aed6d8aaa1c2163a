"""Use of finished runs: load the model, score new rows, export the tables."""
