"""Whatever a file holds that comes from elsewhere, it sets keys of a run and nothing that runs, sends or writes."""

from pathlib import Path

import pytest
import yaml

from cadc.configuration.compose import compose_config
from cadc.configuration.from_files import keys_for_files
from cadc.configuration.groups import groups
from cadc.configuration.override_text import expand_files
from cadc.errors import CadcError
from cadc.experiment import load_experiment
from cadc.tuning.compose import check_space, compose_tuning
from tests.support.commands import cadc

HOSTILE = [
    "hydra/launcher=submitit_local",
    "hydra/launcher=joblib",
    "+hydra/launcher=joblib",
    "++hydra/launcher=ray",
    "hydra.launcher.setup=[touch ran]",
    "+hydra.launcher.setup=[touch ran]",
    "hydra.launcher.python=./ran",
    "hydra.launcher.ray.init.address=elsewhere:1",
    "hydra.sweep.dir=/tmp/elsewhere",
    "hydra.run.dir=.",
    "hydra.job.chdir=true",
    "hydra.searchpath=[/tmp]",
    "+hydra/callbacks=x",
    "hydra=x",
    "hydra/launcher@model=joblib",
    "model@hydra.launcher=dlrm",
    "~hydra/launcher=x",
    " hydra/launcher=joblib",
    "HYDRA/launcher=joblib",
    "model/../hydra/launcher=joblib",
    "logger=wandb",
    "+logger=wandb",
    "logger.folder=/tmp/elsewhere",
    "logger.mode=online",
    "logger._target_=cadc.loggers.wandb.WandbLogger",
    "model._target_=os.system",
    "model._target_=cadc.storage.lease.Lease",
    "data._target_=subprocess.Popen",
    "data.split._target_=builtins.eval",
    "+model._args_=[x]",
    "+model._partial_=true",
    "choices.model=x",
    "defaults=[x]",
    "tune.storage=postgresql://elsewhere/db",
    "tune.workers=1000",
    "tune._target_=cadc.storage.lease.Lease",
    "command=touch ran",
    "CADC_RUNS=/tmp/elsewhere",
    "output=/tmp/elsewhere",
    "seed=${oc.env:HOME}",
    "data.name=${oc.env:HOME}",
    "seed='${oc.env:HOME}'",
    r"seed=\${oc.env:HOME}",
    "seed=${hydra:runtime.cwd}",
    "seed=${oc.decode:1}",
    "--debug=1",
    "-m=1",
]
"""Overrides that no file may hold, whatever kind of file it is."""

SOUND = {"title": "t", "seeds": [0], "arms": {"a": ["model=bias"]}}


def in_overrides_file(override):
    key, _, value = override.partition("=")
    Path("best.yaml").write_text(yaml.safe_dump({"model": "bias", key: yaml.safe_load(value)}))
    expand_files(["@best.yaml"])


def in_experiment(**changes):
    Path("mine").mkdir(exist_ok=True)
    Path("mine/experiment.yaml").write_text(yaml.safe_dump(SOUND | changes))
    return load_experiment("mine")


def in_tuned_file(override):
    Path("mine").mkdir(exist_ok=True)
    entry = {"arm": "a", "at": {"data": "synthetic"}, "overrides": ["model=bias", override]}
    Path("mine/tuned.yaml").write_text(yaml.safe_dump([entry]))
    return in_experiment()


def in_borrowed_file(override):
    in_tuned_file("seed=0")
    Path("other").mkdir(exist_ok=True)
    entry = {"arm": "theirs", "at": {}, "overrides": [override]}
    Path("other/tuned.yaml").write_text(yaml.safe_dump([entry]))
    Path("other/experiment.yaml").write_text(yaml.safe_dump(SOUND))
    Path("mine/tuned.yaml").unlink()
    return in_experiment(settings_of={"experiment": "other", "arms": {"a": "theirs"}})


PLACES = {
    "@best.yaml": in_overrides_file,
    "common": lambda override: in_experiment(common=[override]),
    "arm": lambda override: in_experiment(arms={"a": ["model=bias", override]}),
    "fast": lambda override: in_experiment(fast=[override]),
    "tuned.yaml": in_tuned_file,
    "settings_of": in_borrowed_file,
}


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("override", HOSTILE)
def test_a_file_cannot_set_what_is_not_of_a_run(override, place):
    with pytest.raises(CadcError) as raised:
        PLACES[place](override)
    assert str(raised.value).isprintable()
    assert not Path("ran").exists()


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    "override", ["data=ml-1m", "data/split=random", "sampler.rate=0.1", "trainer.max_epochs=3", "threads=2", "seed=5"]
)
def test_a_file_sets_keys_of_a_run(override, place):
    PLACES[place](override)


def test_the_list_of_what_files_set_is_what_a_run_is_composed_of():
    composed = set(compose_config([])) - {"choices"}
    assert set(keys_for_files()) == composed - {"logger"}
    assert {group.partition("/")[0] for group in groups()} <= composed


def test_the_launcher_of_a_file_does_not_start(tmp_path):
    Path("best.yaml").write_text(
        "data: synthetic\ndata.n_rows: 3000\nmodel: bias\n"
        "hydra/launcher: submitit_local\nhydra.launcher.setup: ['touch ran']\n"
    )
    answer = cadc("train", "@best.yaml")
    assert answer.status == 2
    assert "'hydra/launcher', which a file may not set" in answer.sentence
    assert "best.yaml" in answer.sentence
    assert not Path("ran").exists() and not list(tmp_path.glob("runs/*"))


@pytest.mark.parametrize(
    "content",
    [
        "storage: postgresql://elsewhere/db",
        "workers: 100",
        "_target_: cadc.storage.lease.Lease",
        "_target_: os.system",
        "_target_: cadc.ledger.store.Ledger\nfolder: /tmp/elsewhere",
        "name: ../../elsewhere",
        "name: /tmp/elsewhere",
        "space: {logger.folder: {choices: [/tmp/elsewhere]}}",
        "space: {logger: {choices: [wandb]}}",
        "space: {hydra/launcher: {choices: [joblib]}}",
        "space: {hydra: {launcher: {setup: {choices: ['touch ran']}}}}",
        "space: {model: {_target_: {choices: [os.system]}}}",
        "space: {tune.storage: {choices: [x]}}",
        "space: {seed: {choices: ['${oc.env:HOME}']}}",
        "space: {data.name: {choices: ['x hydra/launcher=joblib,y']}}",
        "launcher: joblib",
        "command: touch ran",
    ],
)
def test_a_file_of_a_tuning_names_neither_database_nor_processes_nor_classes(content):
    space = "" if "space" in content else "space: {seed: {low: 0, high: 9}}\n"
    Path("own.yaml").write_text(f"{space}{content}\n")
    answer = cadc("tune", "data=synthetic", "data.n_rows=3000", "model=bias", "tune=own.yaml", "tune.trials=1")
    assert answer.status == 2
    assert answer.sentence
    assert not Path("ran").exists() and not Path("outputs").exists()


def test_a_file_of_a_tuning_may_repeat_the_defaults():
    from cadc.paths import conf_dir

    text = (conf_dir() / "tune" / "default.yaml").read_text(encoding="utf-8").replace("trials: 50", "trials: 7")
    Path("own.yaml").write_text(text)
    tuning, _ = compose_tuning(["tune=own.yaml"])
    assert (tuning.trials, tuning.storage, tuning.workers) == (7, None, 1)


def test_the_command_line_may_name_the_database_of_a_file_of_a_tuning():
    Path("own.yaml").write_text("space: {sampler.rate: {low: 0.1, high: 1.0}}\n")
    tuning, _ = compose_tuning(["tune=own.yaml", "tune.storage=sqlite:///here.db"])
    assert tuning.storage == "sqlite:///here.db"
    check_space(tuning, [])


def test_an_analysis_is_a_class_of_its_own_kind_whatever_overrides_say():
    Path("mine").mkdir()
    description = {"title": "t", "analysis": {"_target_": "cadc.analyses.inr_image.InrImage"}}
    description["fast"] = ["analysis._target_=cadc.ledger.store.Ledger"]
    Path("mine/experiment.yaml").write_text(yaml.safe_dump(description))
    answer = cadc("experiment", "mine", "--fast")
    assert answer.status == 2
    assert "Analysis" in answer.sentence


@pytest.mark.parametrize(
    "value", ["${oc.env:HOME}", "${seed}", "$(touch ran)", "`touch ran`", "!!python/name:os.system x"]
)
def test_what_looks_like_a_call_in_a_description_is_a_name_or_refused(value):
    Path("log.csv").write_text("user,item,label\n1,2,0\n")
    quoted = value if value.startswith("!!") else f"'{value}'"
    Path("a.yaml").write_text(f"user: {quoted}\nitem: item\nlabel: label\n")
    answer = cadc("train", "--dry-run", "data=table", "data.path=log.csv", "data.description=a.yaml")
    assert answer.status == 1
    assert value in answer.sentence or "the tag" in answer.sentence
    assert not Path("ran").exists()


def test_a_trial_takes_only_options_of_the_search_space_from_a_shared_database():
    from optuna.distributions import CategoricalDistribution, IntDistribution
    from optuna.trial import create_trial

    from cadc.ledger import Ledger
    from cadc.tuning.study import SharedStudy
    from cadc.tuning.tuning import Tuning

    study = SharedStudy(Tuning(space={"seed": {"low": 0, "high": 9}}), "s", "hash", Ledger(), 1)
    theirs = {"seed": 3, "logger.folder": "/tmp/elsewhere"}
    kinds = {"seed": IntDistribution(0, 9), "logger.folder": CategoricalDistribution(["/tmp/elsewhere"])}
    trial = create_trial(params=theirs, distributions=kinds, value=0.1)
    study.study.add_trial(trial)
    assert study.tuning.overrides(study.best()[0]) == ["seed=3"]
