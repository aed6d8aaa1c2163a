"""Callbacks of Lightning in the training of a run: called after each epoch, and able to end it."""
