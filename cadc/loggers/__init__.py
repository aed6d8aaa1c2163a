"""Copies of finished runs elsewhere: Weights & Biases."""
