"""Loggers: copies of runs elsewhere, such as Weights & Biases; some take each epoch as it ends."""
