"""Where results go: every grid has a folder of its own, and none takes the place of another."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadc.cli.folders import WITHOUT_EFFECT, output_folder
from cadc.training.fit_options import FitOptions
from tests.cli.conftest import write_experiment
from tests.support.commands import TINY, cadc

QUICK = {"common": [*TINY], "seeds": [0], "arms": {"biases": ["model=bias"], "oracle": ["model=oracle"]}}
GRIDS = [[], ["--fast"], ["seed=3"], ["data.n_rows=2000", "seed=3"], ["--fast", "seed=3"], ["--arm", "biases"]]


def test_no_grid_takes_the_place_of_another(experiments):
    write_experiment(experiments, "quick", **QUICK, fast=["data.n_rows=2000"])
    found = {}
    for words in GRIDS:
        answer = cadc("experiment", "quick", *words)
        assert answer.status == 0, answer.err
        folder = Path(answer.out.splitlines()[-1].partition("written to ")[2])
        found[folder] = (folder / "table.csv").read_bytes()
    assert len(found) == len(GRIDS)
    assert sorted(map(str, found)) == [
        "outputs/quick-arm=biases",
        "outputs/quick-data.n_rows=2000,seed=3",
        "outputs/quick-fast",
        "outputs/quick-fast,seed=3",
        "outputs/quick-seed=3",
        "results/quick",
    ]
    for words in GRIDS:
        assert cadc("report", "quick", *words).status == 0
    for folder, table in found.items():
        assert (folder / "table.csv").read_bytes() == table


def test_options_of_the_trainer_without_effect_are_those_of_its_class():
    named = {key for key in WITHOUT_EFFECT if key.startswith("trainer.")}
    assert named == {f"trainer.{name}" for name in FitOptions.without_effect}


def test_the_order_of_overrides_and_what_changes_no_result_are_not_in_the_name():
    words = ["data=ml-100k", "seed=0,1", "logger=wandb", "logger.mode=online", "trainer.fleet=8", "threads=2"]
    assert output_folder("a", words) == output_folder("a", words[::-1]) == Path("outputs/a-data=ml-100k,seed=0,1")
    assert output_folder("a", ["seed=1", "seed=2"]) == Path("outputs/a-seed=2")
    assert output_folder("a", ["trainer.progress=false"]) == Path("outputs/a")


VALUES = st.text(st.sampled_from("abc01.,-/_ ="), max_size=9) | st.text("x", min_size=200, max_size=400)


@given(VALUES, VALUES)
def test_different_values_have_different_folders_whose_names_are_plain(one, other):
    folders = [output_folder("a", [f"data.path='{value}'"]) for value in (one, other)]
    assert (folders[0] == folders[1]) == (one == other)
    for folder in folders:
        assert folder.parent == Path("outputs")
        assert folder.name.isascii() and len(folder.name) < 200 and not set(folder.name) & set(" '\"/\\*?")


def test_arms_whose_names_hold_commas_have_folders_of_their_own():
    names = [output_folder("a", arms=arms) for arms in (["x", "y"], ["x,arm=y"], ["x,y"], ["x y"], ["x_y"])]
    assert len(set(names)) == 5


@pytest.mark.parametrize("words", [["--fast"], ["seed=3"], ["--arm", "biases only"]])
def test_a_part_of_a_grid_is_not_committed(experiments, words):
    answer = cadc("report", "tiny", "--commit", *words)
    assert answer.status == 2
    assert "--commit is for the whole grid of an experiment; leave out --fast, --arm and overrides" in answer.sentence
