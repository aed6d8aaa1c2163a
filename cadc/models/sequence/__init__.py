"""Models that read the items of a user in order of time."""
