"""Which runs are wanted, who carries out which, and how each ended."""
