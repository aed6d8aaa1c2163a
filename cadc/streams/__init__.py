"""Models that follow a stream: policies give each user and item a size, under a budget that always holds."""
