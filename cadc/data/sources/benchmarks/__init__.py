"""Data sets whose parts a benchmark published, so that figures can be held beside those of others."""
