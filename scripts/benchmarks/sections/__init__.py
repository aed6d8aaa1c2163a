"""What is measured: a section in each file, found by its place here, that yields cases; see `benchmarks.case`."""
