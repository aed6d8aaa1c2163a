"""How options are tuned on validation: search spaces, a study that many processes share, what came out."""
