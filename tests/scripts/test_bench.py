"""The script of timings runs; what it says is for people."""

import importlib.util
from pathlib import Path

import pytest

from cadc.configuration.compose import groups

SCRIPT = Path(__file__).parents[2] / "scripts" / "bench.py"

PATHS = [
    "read and prepare",
    "open prepared",
    "sample a tenth uniformly",
    "cut shuffled batches of 4096",
    "factorise, to the end",
    "train dlrm, one epoch",
    "AUC of a million scores",
    "rank all items",
]


@pytest.fixture
def bench(monkeypatch, capsys):
    """Call the script with these overrides and return the lines that it prints."""
    spec = importlib.util.spec_from_file_location("bench", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    monkeypatch.setattr(script, "REPEATS", 2)
    monkeypatch.setattr(script, "N_SCORED", 1000)
    monkeypatch.setenv("CADC_CACHE", "")  # it sets one of its own

    def call(words):
        script.main(words)
        return capsys.readouterr().out.splitlines()

    return call


@pytest.mark.parametrize("words", [(), ("data=synthetic", "data.n_rows=3000", "data.n_users=60", "data.n_items=80")])
def test_every_hot_path_is_timed(bench, small_movielens, monkeypatch, words):
    monkeypatch.setenv("CADC_DATA_DIR", str(small_movielens))
    title, *lines = bench(words)
    assert title.startswith(" ".join(words or ["data=ml-1m"]))
    assert [line.split("  ")[0] for line in lines] == PATHS
    assert all(line.endswith(" rows/s" if "rank" not in line else " users/s") for line in lines)


def test_every_scheme_is_timed_against_full_tables(bench):
    words = ("data=synthetic", "data.n_rows=3000", "data.n_users=300", "data.n_items=400", "embedding.dim=16")
    title, *lines = bench(["tables", *words])
    assert title.startswith(" ".join(words))
    assert {line.split()[0] for line in lines} == set(groups()["embedding"])
    assert sum(" x full" in line or " budget is " in line for line in lines) == len(lines)
