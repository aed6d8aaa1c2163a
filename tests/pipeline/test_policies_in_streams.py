"""Policies that try sizes do so on validation rows, as the segment's own model trains, and go on after a stop."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cadc.configuration.groups import groups
from cadc.pipeline.settings import Settings
from cadc.pipeline.stream import StreamRun
from cadc.pipeline.stream_run import run_stream
from cadc.streams.policy import Policy
from cadc.training.checkpoints import CheckpointFolder
from tests.support.commands import TINY, cadc, folders

STREAM = ("data/split=segments", "data.split.n=3", "embedding.dim=16", "stream.mean_size=4")
SMALL = {
    "bet": ("policy.evaluations=4", "policy.finalists=1"),
    "scall": ("policy.evaluations=3", "policy.width=8"),
    "search_random": ("policy.evaluations=3",),
    "search_tpe": ("policy.evaluations=3", "policy.startup=1"),
}


@pytest.fixture(autouse=True)
def own_folders(session_cache, tmp_path):
    with folders(session_cache, tmp_path / "runs"):
        yield


@pytest.mark.parametrize(
    "words",
    [(), ("initializer=mf", "model.residual=true"), ("model=two_tower", "trainer=ranking", "trainer.max_epochs=2")],
)
def test_the_value_of_sizes_is_what_their_model_reaches(words):
    class Asks(Policy):
        def __init__(self):
            self.asked, self.reached = [], []

        def sizes(self, state):
            sizes = state.sizes_by({side: own.double().sqrt() for side, own in state.counts.items()})
            others = state.sizes_by({side: 1.0 + 0 * own for side, own in state.counts.items()})
            state.value_of(others, 3)
            self.asked.append(state.value_of(sizes, 10**6))
            return sizes

        def learn(self, state, sizes, judged):
            self.reached.append(judged.value)
            users, items, losses = judged.losses()
            assert len(users) == len(items) == len(losses) > 0
            assert bool((losses >= 0).all())

    run = StreamRun(Settings.compose([*TINY, *STREAM, "policy=equal", *words]))
    run.progress.policy = policy = Asks()
    run()
    assert policy.asked == policy.reached
    assert len(policy.asked) == 3


def test_losses_of_validation_rows_have_the_mean_that_is_reached():
    class Notes(Policy):
        means = []

        def sizes(self, state):
            return state.sizes_by({side: 1.0 + 0 * own for side, own in state.counts.items()})

        def learn(self, state, sizes, judged):
            self.means.append((-judged.value, float(judged.losses().values.mean())))

    run = StreamRun(Settings.compose([*TINY, *STREAM, "policy=equal"]))
    run.progress.policy = Notes()
    run()
    for reached, mean in Notes.means:
        assert mean == pytest.approx(reached)


class Interrupted(Exception):
    pass


@pytest.mark.parametrize("name", sorted(set(groups()["policy"]) - {"equal", "frequency", "random"}))
def test_a_stream_whose_policy_learns_goes_on_to_the_same_bits(name, tmp_path):
    settings = Settings.compose([*TINY, *STREAM, f"policy={name}", *SMALL.get(name, ())])
    checkpoints = CheckpointFolder(tmp_path / "checkpoints")

    def stop(history):
        if len(history) == 2:
            raise Interrupted

    for folder in ("whole", "one", "two"):
        (tmp_path / folder).mkdir()
    run_stream(settings, "id", "code", tmp_path / "whole")
    with pytest.raises(Interrupted):
        run_stream(settings, "id", "code", tmp_path / "one", checkpoints, stop)
    run_stream(settings, "id", "code", tmp_path / "two", checkpoints)
    for file in ("scores.parquet", "model.safetensors"):
        assert (tmp_path / "two" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()


@pytest.mark.parametrize("name", sorted(set(groups()["policy"]) - {"equal", "frequency", "random"}))
def test_labels_of_test_rows_change_no_sizes(name, tmp_path):
    generator, n = np.random.default_rng(0), 1200
    log = pd.DataFrame(
        {"user": generator.integers(0, 30, n), "item": generator.integers(0, 40, n), "time": np.arange(n)}
    )
    log["label"] = (generator.random(n) < 0.2 + 0.6 * ((log["user"] + log["item"]) % 3 == 0)).astype(int)
    found = []
    is_test = np.arange(n) % 400 >= 360
    for place, labels in enumerate((log["label"], log["label"].where(~is_test, 1 - log["label"]))):
        path = tmp_path / f"{place}.csv"
        log.assign(label=labels).to_csv(path, index=False)
        columns = ("data=table", *(f"data.{name}={name}" for name in log), f"data.path={path}")
        words = (*STREAM, *columns, "trainer.max_epochs=2", f"policy={name}", *SMALL.get(name, ()))
        answer = cadc("train", *words)
        assert answer.status == 0, answer.err
        record = json.loads(Path(answer.out.splitlines()[-1]).read_text())
        found.append([(own["numbers"], own["metrics"]["val/logloss"]) for own in record["segments"]])
        found.append(record["metrics"]["test/logloss"])
    assert found[0] == found[2]
    assert found[1] != found[3]
