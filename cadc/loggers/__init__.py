"""Loggers: copies of finished runs elsewhere, such as Weights & Biases."""
