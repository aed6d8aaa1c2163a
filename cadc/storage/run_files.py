"""Names of the files of a run, in its folder of the ledger."""

RECORD = "record.json"
MODEL = "model.safetensors"
CURVES = "metrics.csv"
"""Metrics of each epoch, of a run that was trained."""
SCORES = "scores.parquet"
"""Test scores of a click-through run: row, user, label, probability."""
RANKS = "ranks.parquet"
"""Test ranks of a ranking run."""

ABOUT = "about.json"
"""What is known about a run while it is unfinished, in its folder under `.unfinished`."""
