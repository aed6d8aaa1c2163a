"""How a compressed table is fitted to a dense one: projections, regressions, searches of structure."""
