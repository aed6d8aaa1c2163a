"""Options of a grid count for the components that have them."""

import pytest

from cadc.configuration.compose import compose_config
from cadc.errors import UsageError
from cadc.experiment.inapplicable_options import without_inapplicable_options
from tests.experiment.small import experiment

COMMON = ["data=synthetic", "embedding=full,hashing", "embedding.ratio=4,16", "sampler.rate=1"]


def test_a_component_without_the_option_is_run_once(tmp_path):
    cells = experiment(tmp_path, common=COMMON, seeds=[0], arms={"a": []}).cells()
    configs = [compose_config(cell.overrides)["embedding"] for cell in cells]
    assert [config.get("ratio") for config in configs] == [None, 4, 16]


def test_an_override_leaves_arms_alone_that_lack_what_it_sets(tmp_path):
    arms = {"full": ["embedding=full"], "few": ["embedding=hashing", "embedding.ratio=4"]}
    found = experiment(tmp_path, common=["sampler.rate=1"], seeds=[0], arms=arms, fast=["embedding.ratio=8"])
    for cells, ratios in (
        (found.cells(["embedding.ratio=2,256"]), [("full", None), ("few", 2), ("few", 256)]),
        (found.cells(fast=True), [("full", None), ("few", 8)]),
    ):
        assert [(cell.arm, compose_config(cell.overrides)["embedding"].get("ratio")) for cell in cells] == ratios


def test_an_option_that_no_component_of_the_grid_has_is_refused(tmp_path):
    arms = {"full": ["embedding=full"], "few": ["embedding=hashing"]}
    cells = experiment(tmp_path, common=["embedding.rato=4"], seeds=[0], arms=arms).cells()
    assert all("embedding.rato=4" in cell.overrides for cell in cells)
    with pytest.raises(UsageError, match=r"no key embedding\.rato"):
        compose_config(cells[0].overrides)


def test_words_of_groups_and_of_the_split_stay():
    words = ("data=ml-1m", "data/split=leave_one_out", "data.split_seed=${seed}", "seed=0", "model.residual=true")
    assert without_inapplicable_options([("a", words)]) == [("a", words)]
