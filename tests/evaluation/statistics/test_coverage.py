"""The intervals cover what they should on clustered data: a small simulation of `scripts/coverage.py`."""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("coverage_script", ROOT / "scripts" / "coverage.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def test_users_and_seeds_are_both_covered_and_each_alone_is_not(script):
    case = replace(next(case for case in script.CASES if case.name == "both"), metric="logloss")
    found = script.coverage(case, 250)
    for n_seeds in (3, 5):
        # Of 250 simulations at 95 %, hardly any share lies 4 points off.
        assert 0.91 <= found[n_seeds, "crossed"][0] <= 0.99
        assert found[n_seeds, "users"][0] < 0.92
    assert found[5, "seeds, t"][0] < 0.90
    assert found[3, "pigeonhole, t"][0] > 0.98
    # Two seeds more make the interval narrower.
    assert found[5, "crossed"][1] < found[3, "crossed"][1]


def test_the_table_has_a_line_for_each_case_and_number_of_seeds(script, monkeypatch):
    monkeypatch.setattr(script, "CASES", (replace(script.CASES[0], metric="gauc"),))
    *_, header, _, three, five = script.lines(4, 1)
    assert three.startswith("| users decide | 3 | ")
    assert five.startswith("| users decide | 5 | ")
    assert header.count("|") == three.count("|") == five.count("|")
    assert three.endswith("|  |")  # DeLong is of AUC only
