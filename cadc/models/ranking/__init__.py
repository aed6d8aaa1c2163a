"""Networks that rank: what scores a pair of user and item, and what they learn from."""
