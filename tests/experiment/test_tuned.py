"""An experiment takes the settings that tuning chose, its own or those of another."""

import re

import pytest
import yaml

from cadc.configuration.compose import compose_config
from cadc.errors import UsageError
from cadc.experiment import Tuned, load_experiment
from cadc.experiment.tuned import FILE, read_tuned, with_tuned, write_tuned
from cadc.pipeline.settings import Settings
from tests.experiment.small import ANALYSIS, BASE, experiment

TUNED = [
    Tuned("few", {"data": "synthetic", "sampler.rate": "0.1"}, ("trainer.learning_rate=0.1",)),
    Tuned("few", {"data": "synthetic", "sampler.rate": "0.5"}, ("trainer.learning_rate=0.5", "embedding.dim=8")),
    Tuned("few", {"data": "ml-1m", "sampler.rate": "0.1"}, ("trainer.learning_rate=0.01",)),
    Tuned("full", {"data": "synthetic"}, ("trainer.learning_rate=0.3",)),
]


@pytest.mark.parametrize(
    ("words", "learning_rate"),
    [
        (["data=synthetic", "sampler.rate=0.1"], "0.1"),
        (["data=synthetic", "sampler.rate=0.5"], "0.5"),
        (["data=ml-1m", "sampler.rate=0.1"], "0.01"),
        # Points that were not tuned: the data set counts before the rate.
        (["data=ml-1m", "sampler.rate=0.5"], "0.01"),
        (["data=synthetic", "sampler.rate=0.2"], "0.1"),
        (["data=epinions", "sampler.rate=0.45"], "0.5"),
    ],
)
def test_each_point_takes_the_settings_of_its_own_or_the_nearest(words, learning_rate):
    assert f"trainer.learning_rate={learning_rate}" in with_tuned(TUNED, "few", [*words, "trainer.learning_rate=9"])


def test_arms_that_were_not_tuned_stay_as_they_are_and_overrides_win():
    words = ["data=synthetic", "sampler.rate=0.5"]
    assert with_tuned(TUNED, "control", words) == tuple(words)
    assert with_tuned(TUNED, "few", words, {"trainer.learning_rate"}) == (*words, "embedding.dim=8")
    assert with_tuned(TUNED, "few", words, {"trainer"}) == (*words, "embedding.dim=8")


def test_tuned_settings_are_written_read_and_laid_over_the_grid(tmp_path):
    plain = experiment(tmp_path, fast=["seed=0"])
    write_tuned("any", TUNED, tmp_path / FILE)
    assert read_tuned(tmp_path / FILE, BASE["arms"]) == tuple(TUNED)
    tuned = load_experiment(str(tmp_path))
    for before, after in zip(plain.cells(), tuned.cells(), strict=True):
        assert set(before.overrides) <= set(after.overrides)
        config = compose_config(after.overrides)
        rate = config["sampler"]["rate"]
        expected = {"full": 0.3, "few": 0.1 if rate < 0.22 else 0.5, "control": 0.003}[after.arm]
        assert config["trainer"]["learning_rate"] == expected
    assert all("trainer.learning_rate=0.3" in cell.overrides for cell in tuned.cells(fast=True) if cell.arm == "full")
    by_hand = tuned.cells(["trainer.learning_rate=0.7"])
    assert {compose_config(cell.overrides)["trainer"]["learning_rate"] for cell in by_hand} == {0.7}


def test_files_with_older_keys_stay_readable(tmp_path):
    (tmp_path / FILE).write_text(yaml.safe_dump([{"arm": "few", "at": {}, "words": ["seed=3"]}]))
    assert experiment(tmp_path).tuned[0].overrides == ("seed=3",)
    (tmp_path / FILE).unlink()
    older = {"title": "A title", "study": ANALYSIS["analysis"], "fast": ["study.steps=3", "analysis.size=8"]}
    (tmp_path / "experiment.yaml").write_text(yaml.safe_dump(older))
    found = load_experiment(str(tmp_path))
    assert (found.analysis, found.fast) == (ANALYSIS["analysis"], ("analysis.steps=3", "analysis.size=8"))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ([{"arm": "gone", "at": {}, "overrides": []}], "'gone' is not an arm; tune again"),
        ([{"arm": "few", "overrides": []}], "expected arm, at and overrides"),
        ({"arm": "few"}, "`cadc experiment --tune` writes"),
        ([{"arm": "few", "at": {}, "overrides": "a=b"}], "overrides is 'a=b'; expected a list"),
    ],
    ids=str,
)
def test_settings_that_are_none_are_a_sentence(tmp_path, content, sentence):
    (tmp_path / FILE).write_text(yaml.safe_dump(content))
    with pytest.raises(UsageError) as caught:
        experiment(tmp_path)
    assert sentence in str(caught.value)


def test_settings_are_taken_over_from_another_experiment(tmp_path):
    lender, own = tmp_path / "lender", tmp_path / "own"
    lender.mkdir(), own.mkdir()
    experiment(lender)
    write_tuned("lender", [Tuned("few", {"data": "synthetic"}, ("trainer.learning_rate=0.02",))], lender / FILE)
    borrowed = experiment(own, settings_of={"experiment": str(lender), "arms": {"full": "few"}})
    of_arms = {cell.arm: cell.overrides for cell in borrowed.cells()}
    assert "trainer.learning_rate=0.02" in of_arms["full"]
    assert not any(word.startswith("trainer.learning_rate") for word in of_arms["few"] + of_arms["control"])


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"settings_of": "lender"}, "expected {experiment: NAME, arms: {own: their}}"),
        ({"settings_of": {"experiment": "lender", "arms": {"strange": "few"}}}, "'strange', which is not an arm"),
        ({"settings_of": {"experiment": "lender", "arms": {"few": "few"}}}, "has no settings of 'few'"),
        (
            {"settings_of": {"experiment": "lender", "arms": {}}, "tune": {"space": "default"}},
            "are both set",
        ),
    ],
)
def test_settings_that_cannot_be_taken_over_are_a_sentence(tmp_path, changes, sentence):
    with pytest.raises(UsageError, match=re.escape(sentence)):
        experiment(tmp_path, **changes)


def test_a_component_that_tuning_chose_replaces_that_of_all_arms_and_of_its_own(tmp_path):
    arms = {"full": ["model=deepfm", "model.dropout=0.1"], "few": ["sampler.rate=0.1"], "cross": ["model=dcn"]}
    chosen = ("model=dcn", "model.cross_layers=2", "model.hidden=[64,32]", "trainer.patience=null")
    # Widths that the grid gives DLRM do not apply to what was chosen instead.
    experiment(tmp_path, arms=arms, common=["data=synthetic", "model=dlrm", "model.top_mlp=[8]"], seeds=[0])
    write_tuned("own", [Tuned("full", {"data": "synthetic"}, chosen)], tmp_path / FILE)
    cells = {cell.arm: cell.overrides for cell in load_experiment(str(tmp_path)).cells()}
    full = Settings.compose(cells["full"]).config
    assert (full["choices"]["model"], full["model"]["cross_layers"], full["model"]["dropout"]) == ("dcn", 2, 0.1)
    assert (list(full["model"]["hidden"]), full["trainer"]["patience"]) == ([64, 32], None)
    assert Settings.compose(cells["few"]).config["model"]["top_mlp"] == [8]
    # What the user sets by hand takes no options of another component.
    by_hand = load_experiment(str(tmp_path)).cells(["model=deepfm"])[0].overrides
    assert not any(text.startswith("model.cross_layers") for text in by_hand)
