"""An experiment is read, swept, shortened for a quick look, and takes the settings that tuning chose."""

import re

import pytest
import yaml

from cadc.configuration.compose import compose_config
from cadc.errors import UsageError
from cadc.execution.jobs import runnable_cells
from cadc.experiment import Reference, Tuned, load_experiment
from cadc.experiment.analysis import Analysis, build_analysis
from cadc.experiment.reading import names
from cadc.experiment.tuned import FILE, read_tuned, with_tuned, write_tuned
from cadc.pipeline.compatibility import require_compatible
from cadc.pipeline.settings import Settings

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
    words = [dict(word.split("=", 1) for word in cell.overrides) for cell in cells if cell.arm == arm]
    return [word.get("sampler.rate") for word in words]


def test_a_quick_look_shortens_sweeps_and_leaves_single_values(tmp_path):
    quick = experiment(tmp_path, fast=["seed=0", "sampler.rate=0.1,0.5", "trainer.max_epochs=1"])
    cells = quick.cells(fast=True)
    assert rates(cells, "full") == ["1"]
    assert rates(cells, "few") == ["0.1", "0.5"]
    assert rates(cells, "control") == [None]
    assert all({"seed=0", "trainer.max_epochs=1"} <= set(cell.overrides) for cell in cells)
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
        ({"references": [{"arm": "fll"}]}, "'fll' is not an arm; did you mean full?"),
        ({"references": [{"arm": "full", "arms": ["x"]}]}, "'x' is not an arm"),
        ({"references": [{"arm": "full", "margin": -1}]}, "references[0]: margin is -1"),
        (
            {"references": [{"arm": "full"}, {"arm": "full", "margin": 0}]},
            "duplicate of arm, rate, embedding",
        ),
        ({"references": [], "margin": 0.1}, "references and also reference, metric or margin"),
        ({"tune": {"trials": 3}}, "expected the key space"),
        ({"tune": {"space": "default", "trials": 0}}, "tune.trials is 0; it must be at least 1"),
        ({"tune": {"space": {"few": "default", "fw": "default"}}}, "'fw', which is not an arm"),
        ({"tune": {"space": "default", "sampler": "random"}}, "expected the key space"),
    ],
    ids=str,
)
def test_what_is_not_understood_is_a_sentence(tmp_path, changes, sentence):
    with pytest.raises(UsageError) as caught:
        experiment(tmp_path, **changes)
    assert sentence in str(caught.value)
    assert "experiment.yaml" in str(caught.value)


ANALYSIS = {"title": "A title", "analysis": {"_target_": "cadc.analyses.inr_image.InrImage", "steps": 7}}


def analysis(folder, **changes):
    (folder / "experiment.yaml").write_text(yaml.safe_dump(ANALYSIS | changes, sort_keys=False))
    return load_experiment(str(folder))


def test_an_analysis_takes_the_place_of_a_grid(tmp_path):
    found = analysis(tmp_path, fast=["analysis.steps=2"])
    assert found.cells() == [] and found.fast == ("analysis.steps=2",)
    assert build_analysis(found.analysis, (), found.name).steps == 7
    assert (
        build_analysis(found.analysis, [*found.fast, "analysis.steps=3", "analysis.share=0.5"], found.name).steps == 3
    )


@pytest.mark.parametrize(
    ("changes", "words", "sentence"),
    [
        ({"arms": {"one": []}}, [], "has the keys arms, but is an analysis"),
        ({"analysis": "inr_image"}, [], "analysis is 'inr_image'; expected _target_"),
        ({"title": None}, [], "has no title"),
        (
            {"analysis": {"_target_": "cadc.models.dlrm.DLRM"}},
            [],
            "derive it from cadc.experiment.analysis.Analysis",
        ),
        ({"analysis": {"_target_": "os.path"}}, [], "is not allowed"),
        ({}, ["seed=3"], "has no key seed; its overrides start with analysis."),
        ({}, ["analysis.stepps=3"], "analysis.stepps is not an option of InrImage; did you mean steps"),
        ({}, ["analysis.steps=few"], "analysis.steps is 'few'; expected a whole number"),
        ({}, ["analysis.steps=0"], "analysis.steps is 0"),
        ({}, ["analysis.size=100"], "analysis.size is 100; choose a power of two"),
    ],
    ids=str,
)
def test_an_invalid_analysis_is_reported(tmp_path, changes, words, sentence):
    with pytest.raises(UsageError) as caught:
        build_analysis(analysis(tmp_path, **changes).analysis, words, "mine")
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


FEW_SEEDS = ("large_vocabulary",)
"""Experiments whose runs take minutes each."""


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("fast", [False, True], ids=["whole", "fast"])
def test_experiments_of_the_repository_compose_and_say_what_they_claim(name, fast):
    found = load_experiment(name)
    assert found.title and found.claim and found.source and found.fast
    if found.analysis is not None:
        assert isinstance(build_analysis(found.analysis, found.fast if fast else (), name), Analysis)
        return
    # Composing takes a while: one cell of each arm and data set stands for those that differ in rate or seed.
    cells = {
        (cell.arm, *(word for word in cell.overrides if word.startswith("data="))): cell
        for cell in found.cells(fast=fast)
    }
    kept = runnable_cells(list(cells.values()), report=lambda line: None)
    for cell in kept:
        require_compatible(Settings.compose(cell.overrides))
    seeds = {word for cell in found.cells(fast=fast) for word in cell.overrides if word.startswith("seed=")}
    assert seeds == {"seed=0"} if fast else len(seeds) >= 3 or name in FEW_SEEDS
    for reference in found.references:
        assert reference.rate is None or f"{reference.rate:g}" in rates(found.cells(fast=fast), reference.arm)


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


@pytest.mark.parametrize(
    ("margins", "size", "sentence"),
    [
        ({"auc": 0.002}, "disk", "bytes is 'disk'; choose one of tables, model"),
        ({"auc": 0.002}, ["model"], "bytes is ['model']; choose one of tables, model"),
        ({}, "model", "margins is {}; expected {metric: margin}"),
        ([0.002], "model", "margins is [0.002]; expected {metric: margin}"),
        ({"auc": -1}, "model", "margin is -1; expected 0 or more"),
        ({"accuracy": 0.002}, "model", "accuracy"),
    ],
)
def test_a_choice_that_is_not_understood_is_a_sentence(tmp_path, margins, size, sentence):
    with pytest.raises(UsageError) as caught:
        experiment(tmp_path, choose={"arm": "full", "margins": margins, "bytes": size})
    assert sentence in str(caught.value)


def test_a_point_is_chosen_by_one_metric_or_several(tmp_path):
    one = experiment(tmp_path, choose={"arm": "full", "metric": "auc", "margin": 0.001}).choose
    assert (one.references, one.size) == ((Reference("full", metric="auc", margin=0.001),), "embedding_bytes")
    both = experiment(tmp_path, choose={"arm": "full", "margins": {"auc": 0.001, "logloss": 0.003}, "bytes": "model"})
    assert [(own.metric, own.margin) for own in both.choose.references] == [("auc", 0.001), ("logloss", 0.003)]
    assert both.choose.size == "model_bytes"
    assert both.only(["few"]).choose is None
