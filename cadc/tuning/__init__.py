"""Tuning on validation data with Optuna: search spaces, studies that many processes share, and reports."""
