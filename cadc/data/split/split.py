"""The parts of a split log."""

SPLITS = ("train", "validation", "test")
