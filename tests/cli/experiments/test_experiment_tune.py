"""`cadc experiment --tune`: every arm has its study on validation, and the grid takes what was chosen."""

import json
import shutil
from pathlib import Path
from statistics import fmean

import optuna
import pandas as pd
import pytest
import yaml

from cadc.cli.folders import output_folder
from cadc.experiment import reading
from cadc.ledger import Ledger
from tests.cli.conftest import write_experiment
from tests.support.commands import TINY, cadc, folders

SPACE = {
    "trainer.learning_rate": {"low": 0.001, "high": 0.03, "log": True},
    "factorization.l2": {"choices": [2.0, 20.0]},
    "initializer.scale_to": {"choices": [None, 1.0]},  # random has none
}
DEFAULT_L2 = "auto"  # of conf/factorization/logistic.yaml
DESCRIPTION = {
    "common": [*TINY, "data.split_seed=${seed}", "trainer.max_epochs=1"],
    "seeds": [3],
    "arms": {
        "random": ["initializer=random", "sampler.rate=0.2,1"],
        "mf": ["initializer=mf", "sampler.rate=0.2"],
        "MF alone": ["model=factorization"],
        "oracle": ["model=oracle"],
    },
    "tune": {"space": SPACE, "trials": 2},
    "fast": ["sampler.rate=0.2"],
}


@pytest.fixture(scope="module")
def tuned_once(session_cache, tmp_path_factory):
    """Place where the experiment was tuned once: `experiments` and `runs`."""
    place = tmp_path_factory.mktemp("tunable")
    write_experiment(place / "experiments", "tunable", **DESCRIPTION)
    with folders(session_cache, place / "runs"), pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "experiments_dir", lambda: place / "experiments")
        answer = cadc("experiment", "tunable", "--tune")
    assert answer.status == 0, answer.err
    return place


@pytest.fixture
def tuned(tuned_once, experiments, tmp_path):
    """The settings that tuning chose, by arm and rate; its experiment and ledger are copied into place."""
    shutil.copytree(tuned_once / "experiments" / "tunable", experiments / "tunable")
    shutil.copytree(tuned_once / "runs", tmp_path / "runs")
    entries = yaml.safe_load((experiments / "tunable" / "tuned.yaml").read_text())
    return {(entry["arm"], entry["at"].get("sampler.rate")): entry for entry in entries}


def test_every_arm_and_rate_has_a_study_of_the_options_that_it_uses(tuned):
    wanted = {
        ("random", "0.2"): {"trainer.learning_rate"},
        ("random", "1"): {"trainer.learning_rate"},
        ("mf", None): {"trainer.learning_rate", "factorization.l2", "initializer.scale_to"},
        ("MF alone", None): {"factorization.l2"},
    }
    assert tuned.keys() == wanted.keys()
    for name, entry in tuned.items():
        # None where the current settings, which are the first trial, are better than those of the other.
        assert {word.partition("=")[0] for word in entry["overrides"]} in (wanted[name], set())
    assert any(entry["overrides"] for entry in tuned.values())
    assert all(entry["trials"] == 2 for entry in tuned.values())
    assert all(entry["at"]["data"] == "synthetic" for entry in tuned.values())


def test_what_is_chosen_is_the_best_trial_by_validation_alone_with_seeds_of_its_own(tuned):
    records = list(Ledger())
    assert {record["config"]["evaluate"] for record in records} == {"validation"}
    assert {record["seed"] for record in records} == {1000}
    # The split is that of the table's first seed, whose test rows no trial reads.
    assert {record["config"]["data"]["split_seed"] for record in records} == {3}
    assert not any(name.startswith("test/") for record in records for name in record["metrics"])
    entry = tuned["random", "1"]
    mine = [r for r in records if r["config"]["sampler"]["rate"] == 1 and "initializer" in r["uses"]]
    best = min(mine, key=lambda record: record["metrics"]["val/logloss"])
    assert entry["value"] == best["metrics"]["val/logloss"]
    rate = best["config"]["trainer"]["learning_rate"]
    assert len(mine) == 2  # the current settings, and another trial
    assert entry["overrides"] == ([] if rate == 0.003 else [f"trainer.learning_rate={rate!r}"])
    assert entry["metric"] == "val/logloss"
    assert entry["seconds"] == pytest.approx(sum(record["cost"]["total_s"] for record in mine), abs=0.06)


def test_the_grid_runs_with_the_settings_that_were_chosen(tuned):
    for words in ([], ["--fast"], ["trainer.learning_rate=0.005"]):
        assert cadc("experiment", "tunable", *words).status == 0
        folder = output_folder("tunable", [] if "--fast" in words else words, "--fast" in words)
        folder = folder if words else Path("results/tunable")
        runs = [json.loads(line) for line in (folder / "records.jsonl").read_text().splitlines()]
        for record in runs:
            if "trainer" not in record["uses"]:
                continue
            arm = "mf" if "factorization" in record["uses"] else "random"
            rate = f"{record['config']['sampler']['rate']:g}" if arm == "random" else None
            chosen = dict(word.split("=") for word in tuned[arm, rate]["overrides"])
            expected = (
                0.005 if "trainer.learning_rate=0.005" in words else float(chosen.get("trainer.learning_rate", 0.003))
            )
            assert record["config"]["trainer"]["learning_rate"] == expected
            if arm == "mf":
                l2 = chosen.get("factorization.l2")
                assert record["config"]["factorization"]["l2"] == (float(l2) if l2 else DEFAULT_L2)
    assert cadc("report", "tunable").status == 0
    table = pd.read_csv("outputs/tunable/table.csv")
    assert len(table) == 5
    points = [(arm, f"{rate:g}" if arm == "random" else None) for arm, rate in table[["arm", "rate"]].values]
    entries = [tuned.get(point) for point in points]
    shown = table["tune_s"].replace(float("nan"), None).tolist()
    assert shown == [entry and entry["seconds"] for entry in entries]
    assert shown.count(None) == 1  # the oracle has nothing to tune
    assert "tune_s adds up the runs of a study" in Path("outputs/tunable/table.md").read_text()


def test_started_again_it_goes_on_with_the_same_studies(tuned, experiments):
    before = set(Ledger().ids())
    file = experiments / "tunable" / "tuned.yaml"
    content = file.read_text()
    assert cadc("experiment", "tunable", "--tune").status == 0
    assert set(Ledger().ids()) == before
    assert file.read_text() == content
    answer = cadc("experiment", "tunable", "--tune", "tune.trials=3", "--output", "here")
    assert answer.status == 0, answer.err
    assert file.read_text() == content
    assert before < set(Ledger().ids())
    assert {entry["trials"] for entry in yaml.safe_load(Path("here/tuned.yaml").read_text())} == {3}


def test_overrides_do_not_choose_for_everyone(experiments):
    write_experiment(experiments, "tunable", **DESCRIPTION)
    assert cadc("experiment", "tunable", "--tune", "--fast", "tune.trials=1").status == 0
    assert not (experiments / "tunable" / "tuned.yaml").exists()
    entries = yaml.safe_load(Path("outputs/tunable-fast,tune.trials=1/tuned.yaml").read_text())
    assert [(entry["arm"], entry["trials"]) for entry in entries] == [("random", 1), ("mf", 1), ("MF alone", 1)]


def test_one_rate_may_stand_for_all(experiments):
    tune = {"space": {"random": {"trainer.learning_rate": {"choices": [0.01]}}}, "trials": 2, "per_rate": False}
    arms = {"random": ["initializer=random", "sampler.rate=0.1,0.3,1"], "mf": ["initializer=mf"]}
    write_experiment(experiments, "tunable", **DESCRIPTION | {"tune": tune, "arms": arms})
    assert cadc("experiment", "tunable", "--tune").status == 0
    (entry,) = yaml.safe_load((experiments / "tunable" / "tuned.yaml").read_text())
    assert entry["at"] == {"data": "synthetic"}
    assert [record["config"]["sampler"]["rate"] for record in Ledger()] == [
        0.3,
        0.3,
    ]  # the current settings, and another trial


def test_an_arm_is_tuned_on_what_was_chosen_for_another(experiments):
    tune = {"space": SPACE, "trials": 2, "after": {"mf": "MF alone"}}
    write_experiment(experiments, "tunable", **DESCRIPTION | {"tune": tune})
    answer = cadc("experiment", "tunable", "--tune")
    assert answer.status == 0, answer.err
    entries = yaml.safe_load((experiments / "tunable" / "tuned.yaml").read_text())
    assert [entry["arm"] for entry in entries] == ["random", "random", "mf", "MF alone"]
    l2 = [word for word in entries[3]["overrides"] if word.startswith("factorization.l2=")]
    assert [word for word in entries[2]["overrides"] if word.startswith("factorization.l2=")] == l2
    wanted = float(l2[0].partition("=")[2]) if l2 else DEFAULT_L2
    enriched = [r for r in Ledger() if {"factorization", "initializer"} <= set(r["uses"])]
    assert len(enriched) == 2
    assert {record["config"]["factorization"]["l2"] for record in enriched} == {wanted}
    # Its own options were searched.
    assert len({record["config"]["trainer"]["learning_rate"] for record in enriched}) == 2


def test_trials_of_several_seeds_and_points_that_are_tuned_anew(tuned, experiments):
    folder = experiments / "tunable"
    before = Ledger().ids()
    words = ("sampler.rate=1", "tune.repeats=2", "--output", str(folder))
    answer = cadc("experiment", "tunable", "--tune", *words)
    assert answer.status == 0, answer.err
    entries = yaml.safe_load((folder / "tuned.yaml").read_text())
    found = [(entry["arm"], entry["at"].get("sampler.rate"), entry["repeats"]) for entry in entries]
    assert found == [("random", "0.2", 1), ("random", "1", 2), ("mf", None, 2), ("MF alone", None, 2)]
    assert entries[0] == tuned["random", "0.2"]
    new = [record for record in Ledger() if record["id"] not in before]
    assert {record["seed"] for record in new} == {1000, 1001}
    of_random = [r for r in Ledger() if "factorization" not in r["uses"] and r["config"]["sampler"]["rate"] == 1]
    found = {}
    for record in of_random:
        found.setdefault(record["config"]["trainer"]["learning_rate"], []).append(record["metrics"]["val/logloss"])
    assert {len(values) for values in found.values()} == {2}
    assert entries[1]["value"] == pytest.approx(min(map(fmean, found.values())), abs=1e-12)


def test_one_arm_is_tuned_anew(tuned, experiments):
    folder = experiments / "tunable"
    words = ("--arm", "MF alone", "tune.trials=3", "--output", str(folder))
    answer = cadc("experiment", "tunable", "--tune", *words)
    assert answer.status == 0, answer.err
    entries = yaml.safe_load((folder / "tuned.yaml").read_text())
    assert [(entry["arm"], entry["trials"]) for entry in entries] == [
        ("random", 2),
        ("random", 2),
        ("mf", 2),
        ("MF alone", 3),
    ]
    assert entries[:3] == list(tuned.values())[:3]


def test_an_arm_may_take_over_all_of_another_without_a_study(experiments):
    arms = DESCRIPTION["arms"] | {"mf, trained on": ["initializer=mf", "initializer.freeze=false", "sampler.rate=0.2"]}
    tune = {"space": SPACE, "trials": 2, "like": {"mf, trained on": "mf"}}
    write_experiment(experiments, "tunable", **DESCRIPTION | {"arms": arms, "tune": tune})
    answer = cadc("experiment", "tunable", "--tune", "--arm", "mf")
    assert answer.status == 0, answer.err
    mine, taken = yaml.safe_load(Path("outputs/tunable-arm=mf/tuned.yaml").read_text())
    assert (mine["arm"], taken) == ("mf", mine | {"arm": "mf, trained on"})
    assert len(Ledger().ids()) == 2


def test_seconds_end_the_studies_of_all_arms_alike_and_the_table_says_which(experiments):
    space = {"random": "default", "mf": ["default", {"factorization.l2": {"choices": [2.0, 20.0]}}]}
    space["MF alone"] = {"factorization.l2": {"choices": [2.0]}}
    tune = {"space": space, "trials": 3, "seconds": 0.001}
    write_experiment(experiments, "tunable", **DESCRIPTION | {"tune": tune})
    answer = cadc("experiment", "tunable", "--tune")
    assert answer.status == 0, answer.err
    file = experiments / "tunable" / "tuned.yaml"
    assert {(entry["trials"], entry["ended_by"]) for entry in yaml.safe_load(file.read_text())} == {(1, "seconds")}
    answer = cadc("experiment", "tunable", "--tune", "tune.seconds=null", "tune.trials=9", "--arm", "MF alone")
    assert answer.status == 0, answer.err
    assert "all 2 settings of its space were tried" in answer.err
    (folder,) = Path("outputs").iterdir()
    assert folder.name.startswith("tunable-arm=MF_alone,tune.seconds=null,tune.trials=9-")
    (entry,) = yaml.safe_load((folder / "tuned.yaml").read_text())
    assert (entry["trials"], entry["ended_by"]) == (2, "space")
    assert cadc("experiment", "tunable").status == 0
    note = Path("results/tunable/table.md").read_text()
    assert "Each study had up to 3 trials, at most 0.001 s, whichever came first" in note
    assert "MF alone (synthetic) by seconds, after 1 trials" in note


@pytest.mark.parametrize(
    ("changes", "words", "sentence"),
    [
        ({"tune": None}, [], "has no key tune"),
        (
            {"tune": {"space": SPACE, "after": {"mf": "MF alone"}}},
            ["--arm", "mf"],
            "mf is tuned after MF alone; add --arm",
        ),
        ({}, ["tune.trails=3"], "tune.trails is not an option"),
        (
            {"tune": {"space": {"sampler.rate": {"low": 0.1, "high": 1.0}}}},
            [],
            "random: sampler.rate is both swept",
        ),
        ({"tune": {"space": SPACE, "repeats": 0}}, [], "repeats is 0; it must be at least 1"),
        ({"tune": {"space": SPACE, "like": {"mff": "mf"}}}, [], "like names 'mff', which is not an arm"),
        ({"tune": {"space": SPACE, "like": {"mf": "mf"}}}, [], "like names 'mf', which is not tuned"),
        ({"tune": {"space": SPACE, "like": {"mf": "random"}}}, ["--arm", "mf"], "add --arm 'random'"),
        ({"tune": {"space": SPACE, "seconds": 0}}, [], "seconds is 0; it must be above 0"),
        ({"tune": {"space": {"random": ["default", 5]}}}, [], "expected an option of conf/tune, a search space"),
        ({}, ["tune.repeats=0"], "tune.repeats is 0; it must be at least 1"),
        ({"tune": {"space": SPACE, "after": {"mf": "FM"}}}, [], "'FM', which is not tuned"),
        (
            {"tune": {"space": SPACE, "after": {"mf": "MF alone", "MF alone": "random"}}},
            [],
            "comes after another arm",
        ),
        ({"tune": {"space": SPACE, "after": {"MF alone": "mf"}}}, [], "MF alone: mf tunes all of its search space"),
        ({"tune": {"space": "deflt"}}, [], "tune=deflt does not exist; did you mean tune=default?"),
        ({"tune": {"space": {"initializer.stdd": {"low": 0, "high": 1}}}}, [], "no key initializer.stdd"),
        ({"tune": {"space": {"factorization.l2": {"low": 1, "high": 2}}, "metric": "val/acc"}}, [], "whether val/acc"),
    ],
    ids=str,
)
def test_a_tuning_that_is_not_understood_is_a_sentence(experiments, changes, words, sentence):
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    write_experiment(experiments, "wrong", **DESCRIPTION | changes)
    answer = cadc("experiment", "wrong", "--tune", *words)
    assert answer.status == 2
    assert sentence in answer.err.splitlines()[-1]
    assert not (experiments / "wrong" / "tuned.yaml").exists()
