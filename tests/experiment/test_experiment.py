"""An experiment is read, swept, and shortened for a quick look."""

import pytest
import yaml

from cadc.errors import UsageError
from cadc.execution.jobs import runnable_cells
from cadc.experiment import load_experiment
from cadc.experiment.analysis import Analysis, build_analysis
from cadc.experiment.grid import Cell
from cadc.experiment.reading import names
from cadc.pipeline.compatibility import require_compatible
from cadc.pipeline.settings import Settings
from tests.experiment.small import ANALYSIS, BASE, experiment, rates


def test_a_quick_look_shortens_sweeps_and_leaves_single_values(tmp_path):
    quick = experiment(tmp_path, fast=["seed=0", "sampler.rate=0.1,0.5", "trainer.max_epochs=1"])
    cells = quick.cells(fast=True)
    assert rates(cells, "full") == ["1"]
    assert rates(cells, "few") == ["0.1", "0.5"]
    assert rates(cells, "control") == [None]
    assert all({"seed=0", "trainer.max_epochs=1"} <= set(cell.overrides) for cell in cells)
    assert rates(quick.cells(["sampler.rate=0.3"], fast=True), "full") == ["0.3"]


def test_arms_whose_views_read_ratings_are_left_out_on_data_that_has_none():
    views = {"all": "views=[factorization,ordinal]", "labels": "views=[factorization]"}
    words = ("model=stack", "factorization_rows=complement", "sampler.rate=0.5")
    cells = [Cell(arm, (f"data={data}", *words, own)) for arm, own in views.items() for data in ("ml-1m", "criteo")]
    said = []
    kept = runnable_cells(cells, report=said.append)
    assert [(cell.arm, cell.overrides[0]) for cell in kept] == [
        *(("all", "data=ml-1m"), ("labels", "data=ml-1m"), ("labels", "data=criteo"))
    ]
    assert said == ["arm 'all' is left out: criteo has no column rating"]


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
        ({"figure_against": ["FM"]}, "figure_against has 'FM', which is not the arm of a reference"),
        ({"figure": "pie"}, "figure is 'pie'; choose one of rate, time, dim, bytes, bars, differences, heat"),
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
