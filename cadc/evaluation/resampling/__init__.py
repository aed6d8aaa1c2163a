"""A metric as a function of how often each user is drawn, for the replicates of a bootstrap."""
