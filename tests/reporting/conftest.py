"""The table of points that tests of comparisons share."""

import pytest

from tests.reporting.scored_table import Table


@pytest.fixture
def table(tmp_path):
    made = Table(tmp_path)
    seeds = [(0, 0), (1, 1), (2, 2)]
    made.add("random", 0.1, 8.0, seeds)
    made.add("random", 1.0, 0.3, seeds)
    made.add("mf", 0.1, 1.0, seeds[::-1])  # runs come in any order
    made.add("mf", 1.0, 0.3, seeds)
    made.add("control", None, 0.5, seeds, trained=False)
    return made
