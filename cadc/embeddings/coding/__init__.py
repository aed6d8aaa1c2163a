"""How rows are coded into few bytes: packed bits, quantisers, hashes, signatures, sparse entries."""
