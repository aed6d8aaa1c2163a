"""`cadc tune`: what is said, what is written, and what is refused in one sentence."""

import errno
import os
import re
from pathlib import Path

import pytest
import yaml

from cadc.execution.jobs import plan
from cadc.ledger import Ledger, store
from cadc.storage.under_lease import put_folder
from tests.support.commands import TINY, cadc, runs
from tests.tuning.helpers import TUNE

SPACE = "tune.space={trainer.learning_rate:{low:0.001,high:0.03,log:true},model.top_mlp:{choices:[[8],[4]]}}"


@pytest.fixture(autouse=True)
def _place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def tune(*words):
    return cadc("tune", *TUNE, *words)


def best_of(answer):
    return next(line.split("@")[1] for line in answer.out.splitlines() if "cadc train @" in line)


def test_a_study_says_each_trial_and_ends_with_options_to_run():
    answer = tune(SPACE, "tune.trials=3", "tune.pruner=none")
    assert answer.status == 0, answer.err
    lines = answer.err.splitlines()
    assert [line.split()[:3] for line in lines] == [[f"[{n}/3]", "trial", str(n - 1)] for n in (1, 2, 3)]
    assert "; best 0." in lines[-1]
    *_, counts, dashboard = answer.out.splitlines()
    assert counts.startswith("3 complete; written to outputs/tune/synthetic-dlrm-")
    assert dashboard.startswith("optuna-dashboard ")
    assert Path(dashboard.split()[1]).is_file()
    folder = Path(best_of(answer)).parent
    assert {path.name for path in folder.iterdir()} >= {"best.yaml", "trials.csv", "history.png"}

    again = tune(SPACE, "tune.trials=3", "tune.pruner=none")
    assert again.out == answer.out
    assert again.err == ""


def test_the_best_options_are_those_of_the_best_trial():
    answer = tune(SPACE, "tune.trials=3", "tune.pruner=none", "seed=3")
    best = best_of(answer)
    run = min(Ledger(), key=lambda record: record["metrics"]["val/logloss"])
    (job,) = plan([[*map(str, _words(best)), "evaluate=validation"]])
    assert job.run_id == run["id"]
    trained = cadc("train", f"@{best}")
    assert trained.status == 0, trained.err
    record = Ledger().record(Path(trained.out.splitlines()[-1]).parent.name)
    assert record["config"] == run["config"] | {"evaluate": "test"}
    assert record["metrics"]["val/logloss"] == run["metrics"]["val/logloss"]
    # What follows the file counts more.
    assert "seed=5" in cadc("train", f"@{best}", "seed=5", "--dry-run").out.splitlines()[-1]


def _words(path):
    from cadc.configuration.override_text import expand_files

    return expand_files([f"@{path}"])


def test_two_metrics_give_a_front():
    answer = tune(
        "tune.space={embedding.dim:{choices:[2,4,8]}}", "tune.trials=4", "tune.metric=[val/auc,bytes/embedding]"
    )
    assert answer.status == 0, answer.err
    assert "on the Pareto front" in answer.err.splitlines()[-1]
    assert Path(best_of(answer)).parent.joinpath("pareto.png").exists()


def test_failing_trials_count_and_do_not_end_the_study(tmp_path):
    space = "tune.space={trainer.learning_rate:{choices:[0.003,1e30]},trainer.weight_decay_mlp:{low:0.0,high:0.001}}"
    answer = tune(space, "tune.trials=5", "tune.pruner=none", "tune.sampler=random", "--output", "out")
    assert answer.status == 0, answer.err
    assert re.search(r"failed: \d+ scores of the validation part are NaN", answer.err)
    assert len(answer.err.splitlines()) == 5
    complete, failed = (int(part.split()[0]) for part in answer.out.splitlines()[-2].split(";")[0].split(", "))
    assert complete + failed == 5
    assert min(complete, failed) > 0
    assert "are NaN" in Path("out/trials.csv").read_text()


def test_a_study_without_a_complete_trial_ends_with_a_sentence():
    answer = tune(
        "tune.space={trainer.weight_decay_mlp:{low:0.0,high:0.001}}", "trainer.learning_rate=1e30", "tune.trials=2"
    )
    assert answer.status == 1
    assert answer.err.splitlines()[-1] == "cadc: no trial was complete; see the lines above."
    assert "Traceback" not in answer.err


def test_a_full_disk_ends_with_a_sentence_and_the_trial_goes_on_later(monkeypatch):
    calls = []

    def full(lease, folder, build, replace=False):
        calls.append(folder)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "No space left on device", str(folder))
        put_folder(lease, folder, build, replace)

    monkeypatch.setattr(store, "put_folder", full)
    answer = tune(SPACE, "tune.trials=3", "tune.pruner=none")
    assert answer.status == 1
    assert "no space left on device" in answer.err.splitlines()[-1]
    assert len(answer.err.splitlines()) == 2
    again = tune(SPACE, "tune.trials=3", "tune.pruner=none")
    assert again.status == 0, again.err
    assert "3 complete" in again.out
    assert [line.split()[2] for line in again.err.splitlines()] == ["1", "2"]


def test_a_metric_that_no_run_has_ends_the_study_after_one_trial():
    answer = tune(SPACE, "tune.metric=val/ndcg@10", "tune.trials=3")
    assert answer.status == 2
    assert (
        "tune.metric is val/ndcg@10, which runs with model=dlrm do not have; choose one of val/auc, val/logloss"
        in answer.sentence
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("tune.trails=5", "tune.trails is not an option of Tuning; did you mean trials"),
        ("tune=defalt", "tune=defalt does not exist; did you mean tune=default?"),
        ("tune=missing.yaml", "missing.yaml cannot be read: no such file"),
        ("tune.trials=0", "tune.trials is 0; it must be at least 1"),
        ("tune.trials=1.5", "tune.trials is 1.5; expected a whole number"),
        ("tune.trials=1,2", "tune.trials=1,2 gives several values"),
        ("tune.sampler=tp", "tune.sampler is 'tp'; choose one of tpe, random"),
        ("tune.pruner=mean", "tune.pruner is 'mean'; choose one of median, quartile, hyperband, none"),
        ("tune.workers=2", "tune.workers needs a launcher"),
        ("tune.metric=test/auc", "tune.metric is test/auc; trials never read test data"),
        ("tune.direction=up", "tune.direction is 'up'"),
        ("evaluate=test", "'evaluate=test' is not possible"),
        ("++evaluate=test", "'++evaluate=test' is not possible"),
        ("tune.space={evaluate:{choices:[test,validation]}}", "tune.space has the key evaluate"),
        ("tune.space={trainer.learning_rte:{low:0.1,high:1}}", "there is no key trainer.learning_rte; did you mean"),
        ("tune.space={factorization.l2:{low:0.1,high:1}}", "changes nothing (this model and initializer do not use"),
        ("tune.space={threads:{choices:[1,2]}}", "tune.space.threads changes nothing"),
        ("tune.space={trainer.progress:{choices:[true,false]}}", "tune.space.trainer.progress changes nothing"),
        ("tune.space={trainer.learning_rate:{low:0.1,high:0.01}}", "tune.space.trainer.learning_rate is not a range"),
        ("tune.space={trainer.learning_rate:{low:-0.1,high:0.01}}", "learning_rate: trainer.learning_rate is -0.1"),
        ("tune.space={embedding.dim:{choices:[]}}", "tune.space.embedding.dim.choices is []"),
        ("tune.space={embedding.dim:{choices:[4,wide]}}", "tune.space.embedding.dim: embedding.dim is 'wide'"),
        ("tune.space={initializer:{choices:[random,mff]}}", "initializer=mff does not exist; did you mean"),
        ("tune.space={embedding.dim:{choices:['4,8']}}", "gives several values"),
        ("tune.space=5", "tune.space is empty"),
        ("tune.space.trainer.learning_rate.low.x=5", "sets a key inside low"),
        ("tune.name=a/b", "tune.name is 'a/b'; use letters"),
        ("tune.name=.hidden", "tune.name is '.hidden'"),
        ("tune.name=${oc.env:HOME}", "expected the name of another key"),
        ("tune._target_=os.system", "'os.system' is not allowed"),
        ("tune._target_=cadc.training.fit.Fit", "which is not a Tuning"),
        ("sampler.rte=1", "there is no key sampler.rte"),
        ("tune.storage=mysql://cadc:s3cret@host/db", "tune.storage needs MySQLdb, which is not installed"),
        ("tune.storage=joy://cadc:s3cret@host/db", "tune.storage begins with joy, which is not supported"),
        ("tune.storage=cadc:s3cret@host", "tune.storage is not an address"),
        ("tune.storage=postgresql://cadc:s3cret@127.0.0.1:x/db", "tune.storage is not an address"),
        ("tune.storage=sqlite:///absent/all.db", "cannot be opened"),
        ("@missing.yaml", "missing.yaml cannot be read: no such file"),
        ("@.", ". cannot be read: is a directory"),
    ],
)  # fmt: skip
def test_wrong_words_are_refused_in_one_sentence(words, said):
    answer = tune(words)
    assert answer.status == 2
    assert said in answer.sentence
    assert "s3cret" not in answer.err + answer.out
    assert answer.out == ""
    assert [name for name in runs() if not name.startswith(".")] == []


def test_a_space_of_models_of_another_task_is_refused_with_one_that_suits():
    ranking = ("model=two_tower", "trainer=ranking", "trainer.max_epochs=1")
    answer = cadc("tune", *TINY, *ranking, "tune=reference", "tune.metric=val/ndcg@10")
    assert answer.status == 2
    assert "have model=two_tower (task=ranking), but this space chooses model=d" in answer.sentence
    assert "choose another space, such as tune=ranking_reference" in answer.sentence
    assert not runs()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a: [", "is not valid YAML"),
        ("5", "own.yaml does not hold keys and values"),
        ("trials: 5", "tune.space is empty"),
        ("space: {x: 5}", "tune.space.x is 5"),
        ("trails: 5", "tune.trails is not an option of Tuning"),
        ("space: {trainer: {learning_rate: {choices: ['${oc.env:HOME}']}}}", "write the value itself"),
        ("space: !!python/object/apply:os.system [ls]", "write a plain value"),
        ("[" * 5000, "nested more than 20 levels deep"),
        (b"\xff\xfe\x00", "is not text in UTF-8"),
    ],
)  # fmt: skip
def test_a_wrong_file_of_settings_is_named(content, said):
    Path("own.yaml").write_bytes(content if isinstance(content, bytes) else content.encode())
    answer = tune("tune=own.yaml")
    assert answer.status == 2
    assert said in answer.sentence


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("sampler: {rate: 0.1}", "write lines such as sampler.rate: 0.1"),
        ("- a", "write lines such as"),
        ("", "write lines such as"),
        ("1: 2", "write lines such as"),
        ("a=b: 2", "write lines such as"),
        ("model.top_mlp: [[1], [2]]", "write lines such as"),
        ("seed: !!python/name:os.system", "write a plain value"),
        ("seed: [", "own.yaml, line 1 is not valid YAML"),
        (b"\x00\xff", "is not text in UTF-8"),
        ("# " + "x" * (1 << 20), "more than 100000 bytes"),
        ("sampler.rte: 1", "there is no key sampler.rte"),
    ],
)
def test_a_wrong_file_of_words_is_named(content, said):
    Path("own.yaml").write_bytes(content if isinstance(content, bytes) else content.encode())
    answer = cadc("train", "@own.yaml")
    assert answer.status == 2
    assert said in answer.sentence
    assert runs() == []


def test_a_file_of_ones_own_names_the_space_and_what_differs():
    Path("own.yaml").write_text(yaml.safe_dump({"space": {"embedding": {"dim": {"choices": [2, 4]}}}, "trials": 2}))
    answer = tune("tune=own.yaml", "tune.pruner=none")
    assert answer.status == 0, answer.err
    assert [line.split()[0] for line in answer.err.splitlines()] == ["[1/2]", "[2/2]"]
    assert "trial 0 with the current settings:" in answer.err.splitlines()[0]
    assert " embedding.dim=" in answer.err.splitlines()[1]
    assert "learning_rate" not in answer.err


def test_a_study_that_was_begun_with_other_settings_is_left_alone():
    assert tune(SPACE, "tune.trials=1", "tune.name=mine").status == 0
    for other in (
        "seed=1",
        "tune.metric=val/auc",
        "tune.seed=1",
        "tune.sampler=random",
        "tune.space.embedding.dim={choices:[2,4]}",
    ):
        answer = tune(SPACE, "tune.trials=2", "tune.name=mine", other)
        assert answer.status == 2
        assert "was begun with other data, code, options or settings" in answer.sentence
    assert tune(SPACE, "tune.trials=2", "tune.name=mine").status == 0


def test_a_ledger_that_cannot_be_written_is_named(monkeypatch):
    Path("file").touch()
    monkeypatch.setenv("CADC_RUNS", os.path.abspath("file"))  # noqa: PTH100
    answer = tune(SPACE, "tune.trials=1")
    assert answer.status == 2
    assert "cannot be opened" in answer.sentence
