"""Experiments that are no grids of runs: each computes its own table and figure."""
