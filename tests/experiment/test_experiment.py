"""What an experiment says is read, swept, shortened for a quick look and laid over with what tuning chose."""

import re

import pytest
import yaml

from cadc.configuration.compose import compose_config
from cadc.configuration.settings import check
from cadc.errors import UsageError
from cadc.execution.jobs import without_impossible
from cadc.experiment import Tuned, load_experiment
from cadc.experiment.analysis import Study, make_study
from cadc.experiment.reading import names
from cadc.experiment.tuned import FILE, lay, read_tuned, write_tuned

BASE = {
    "title": "A title",
    "common": ["data=synthetic"],
    "seeds": [0, 1],
    "arms": {"full": ["sampler.rate=1"], "few": ["sampler.rate=0.1,0.2,0.5"], "control": ["model=bias"]},
}


def experiment(folder, **changes):
    (folder / "experiment.yaml").write_text(yaml.safe_dump(BASE | changes, sort_keys=False))
    return load_experiment(str(folder))


def rates(cells, arm):
    words = [dict(word.split("=", 1) for word in cell.words) for cell in cells if cell.arm == arm]
    return [word.get("sampler.rate") for word in words]


def test_a_quick_look_shortens_sweeps_and_leaves_single_values(tmp_path):
    quick = experiment(tmp_path, fast=["seed=0", "sampler.rate=0.1,0.5", "trainer.max_epochs=1"])
    cells = quick.cells(fast=True)
    assert rates(cells, "full") == ["1"]
    assert rates(cells, "few") == ["0.1", "0.5"]
    assert rates(cells, "control") == [None]
    assert all({"seed=0", "trainer.max_epochs=1"} <= set(cell.words) for cell in cells)
    assert rates(quick.cells(["sampler.rate=0.3"], fast=True), "full") == ["0.3"]


def test_an_arm_may_have_seeds_of_its_own(tmp_path):
    arms = BASE["arms"] | {"full": ["sampler.rate=1", "seed=0,1,2,3,4"]}
    cells = experiment(tmp_path, arms=arms).cells()
    assert sum(cell.arm == "full" for cell in cells) == 5
    assert sum(cell.arm == "few" for cell in cells) == 6
    assert sum(cell.arm == "full" for cell in experiment(tmp_path, arms=arms).cells(["seed=7"])) == 1


def test_references_metrics_and_figure_are_read(tmp_path):
    found = experiment(
        tmp_path,
        metrics=["ndcg@10"],
        columns=["mrr", "train_s", "sample.effective_size"],
        figure="bars",
        references=[
            {"arm": "full", "rate": 1, "metric": "ndcg@10", "margin": 0},
            {"arm": "full", "metric": "hr@10", "arms": ["few"], "rates": [0.1]},
        ],
    )
    assert (found.metrics, found.figure) == (("ndcg@10",), "bars")
    first, second = found.references
    assert (first.family, first.margin, first.rate) == ("ndcg@10 to full at rate 1", 0.0, 1.0)
    assert (second.concerns("few", 0.1), second.concerns("few", None)) == (True, True)
    assert (second.concerns("few", 0.2), second.concerns("control", 0.1)) == (False, False)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"metrics": ["acc"]}, "there is no metric 'acc'"),
        ({"columns": ["secs"]}, "there is no column 'secs'"),
        ({"figure": "pie"}, "figure is 'pie'; choose one of rate, time, dim, bars, ratio, heat"),
        ({"references": {"arm": "full"}}, "references is {'arm': 'full'}; expected a list"),
        ({"references": [{"arm": "fll"}]}, "'fll' is no arm; did you mean full?"),
        ({"references": [{"arm": "full", "arms": ["x"]}]}, "'x' is no arm"),
        ({"references": [{"arm": "full", "margin": -1}]}, "references[0]: margin is -1"),
        ({"references": [{"arm": "full"}, {"arm": "full", "margin": 0}]}, "the same arm, rate, embedding and metric"),
        ({"references": [], "margin": 0.1}, "write metric and margin with each of them"),
        ({"tune": {"trials": 3}}, "expected the key space"),
        ({"tune": {"space": "default", "trials": 0}}, "tune.trials is 0; it must be at least 1"),
        ({"tune": {"space": {"few": "default", "fw": "default"}}}, "names 'fw', which is no arm"),
        ({"tune": {"space": "default", "pruner": "none"}}, "expected the key space, and of"),
    ],
    ids=str,
)
def test_what_is_not_understood_is_a_sentence(tmp_path, changes, sentence):
    with pytest.raises(UsageError) as caught:
        experiment(tmp_path, **changes)
    assert sentence in str(caught.value)
    assert "experiment.yaml" in str(caught.value)


STUDY = {"title": "A title", "study": {"_target_": "cadc.analyses.inr_image.InrImage", "steps": 7}}


def study(folder, **changes):
    (folder / "experiment.yaml").write_text(yaml.safe_dump(STUDY | changes, sort_keys=False))
    return load_experiment(str(folder))


def test_a_study_takes_the_place_of_a_grid(tmp_path):
    found = study(tmp_path, fast=["study.steps=2"])
    assert found.cells() == [] and found.fast == ("study.steps=2",)
    assert make_study(found.study, (), found.name).steps == 7
    assert make_study(found.study, [*found.fast, "study.steps=3", "study.share=0.5"], found.name).steps == 3


@pytest.mark.parametrize(
    ("changes", "words", "sentence"),
    [
        ({"arms": {"one": []}}, [], "is a study, which has no arms"),
        ({"study": "inr_image"}, [], "study is 'inr_image'; expected _target_"),
        ({"title": None}, [], "needs a title"),
        ({"study": {"_target_": "cadc.models.dlrm.DLRM"}}, [], "which is no study"),
        ({"study": {"_target_": "os.path"}}, [], "is not allowed"),
        ({}, ["seed=3"], "knows no seed; its words begin with study."),
        ({}, ["study.stepps=3"], "study.stepps is no option of InrImage; did you mean steps"),
        ({}, ["study.steps=few"], "study.steps is 'few'; expected a whole number"),
        ({}, ["study.steps=0"], "study.steps is 0"),
        ({}, ["study.size=100"], "study.size is 100; choose a power of two"),
    ],
    ids=str,
)
def test_a_study_that_is_not_understood_is_a_sentence(tmp_path, changes, words, sentence):
    with pytest.raises(UsageError) as caught:
        make_study(study(tmp_path, **changes).study, words, "mine")
    assert sentence in str(caught.value)


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
    assert f"trainer.learning_rate={learning_rate}" in lay(TUNED, "few", [*words, "trainer.learning_rate=9"])


def test_arms_that_were_not_tuned_stay_as_they_are_and_overrides_win():
    words = ["data=synthetic", "sampler.rate=0.5"]
    assert lay(TUNED, "control", words) == tuple(words)
    assert lay(TUNED, "few", words, {"trainer.learning_rate"}) == (*words, "embedding.dim=8")
    assert lay(TUNED, "few", words, {"trainer"}) == (*words, "embedding.dim=8")


def test_tuned_settings_are_written_read_and_laid_over_the_grid(tmp_path):
    plain = experiment(tmp_path, fast=["seed=0"])
    write_tuned("any", TUNED, tmp_path / FILE)
    assert read_tuned(tmp_path / FILE, BASE["arms"]) == tuple(TUNED)
    tuned = load_experiment(str(tmp_path))
    for before, after in zip(plain.cells(), tuned.cells(), strict=True):
        assert set(before.words) <= set(after.words)
        config = compose_config(after.words)
        rate = config["sampler"]["rate"]
        expected = {"full": 0.3, "few": 0.1 if rate < 0.22 else 0.5, "control": 0.003}[after.arm]
        assert config["trainer"]["learning_rate"] == expected
    assert all("trainer.learning_rate=0.3" in cell.words for cell in tuned.cells(fast=True) if cell.arm == "full")
    by_hand = tuned.cells(["trainer.learning_rate=0.7"])
    assert {compose_config(cell.words)["trainer"]["learning_rate"] for cell in by_hand} == {0.7}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ([{"arm": "gone", "at": {}, "words": []}], "is of 'gone', which is no arm; tune again"),
        ([{"arm": "few", "words": []}], "`cadc experiment --tune` writes this file"),
        ({"arm": "few"}, "`cadc experiment --tune` writes this file"),
        ([{"arm": "few", "at": {}, "words": "a=b"}], "words is 'a=b'; expected a list"),
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
    of_arms = {cell.arm: cell.words for cell in borrowed.cells()}
    assert "trainer.learning_rate=0.02" in of_arms["full"]
    assert not any(word.startswith("trainer.learning_rate") for word in of_arms["few"] + of_arms["control"])


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"settings_of": "lender"}, "expected {experiment: NAME, arms: {own: their}}"),
        ({"settings_of": {"experiment": "lender", "arms": {"strange": "few"}}}, "'strange', which is no arm"),
        ({"settings_of": {"experiment": "lender", "arms": {"few": "few"}}}, "has no settings of 'few'"),
        ({"settings_of": {"experiment": "lender", "arms": {}}, "tune": {"space": "default"}}, "stands beside tune"),
    ],
)
def test_settings_that_cannot_be_taken_over_are_a_sentence(tmp_path, changes, sentence):
    with pytest.raises(UsageError, match=re.escape(sentence)):
        experiment(tmp_path, **changes)


FEW_SEEDS = ("large_vocabulary",)
"""Experiments whose runs take minutes each."""


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("fast", [False, True], ids=["whole", "fast"])
def test_experiments_of_the_repository_compose_and_say_what_they_claim(name, fast):
    found = load_experiment(name)
    assert found.title and found.claim and found.source and found.fast
    if found.study is not None:
        assert isinstance(make_study(found.study, found.fast if fast else (), name), Study)
        return
    # Composing takes a while: one cell of each arm and data set stands for those that differ in rate or seed.
    cells = {
        (cell.arm, *(word for word in cell.words if word.startswith("data="))): cell for cell in found.cells(fast=fast)
    }
    kept = without_impossible(list(cells.values()), say=lambda line: None)
    for cell in kept:
        check(compose_config(cell.words))
    seeds = {word for cell in found.cells(fast=fast) for word in cell.words if word.startswith("seed=")}
    assert seeds == {"seed=0"} if fast else len(seeds) >= 3 or name in FEW_SEEDS
    for reference in found.references:
        assert reference.rate is None or f"{reference.rate:g}" in rates(found.cells(fast=fast), reference.arm)
