"""Orders in which the rows of a log are read."""
