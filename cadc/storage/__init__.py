"""Leases, files that appear whole, and the cache of stages."""
