"""Callbacks of Lightning in the training of a run: what they are called with, when they end it, and what is refused."""

import os
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import pytorch_lightning as pl
import torch

from cadc.errors import CadcError, UsageError
from cadc.execution.jobs import plan
from cadc.execution.logged_epochs import LoggedEpochs
from cadc.ledger import Ledger
from cadc.models.model import Model
from cadc.storage.run_files import CURVES
from cadc.training.callbacks.early_stopping import EarlyStopping
from cadc.training.callbacks.hooks import require_callable
from cadc.training.fit import Fit
from tests.support.commands import TINY, cadc, runs
from tests.support.processes import Command


class Constant(Model):
    """One logit for all rows."""

    def __init__(self):
        super().__init__()
        self.logit = torch.nn.Parameter(torch.tensor(0.0))

    def forward(self, batch):
        return self.logit.expand(len(batch.label))


LONG = (*TINY, "trainer.max_epochs=9", "trainer.patience=null")
KEY = "trainer.callbacks.early_stopping"
STOPPING = ("trainer.callbacks=[early_stopping]", "trainer.callbacks.early_stopping.patience=2")


def history():
    (record,) = list(Ledger())
    return pd.read_csv(Ledger().path(record["id"]) / CURVES), record


def epochs_until(values, patience, min_delta, higher):
    """Number of epochs by a plain loop over the values of all epochs."""
    best, waited = (-np.inf if higher else np.inf), 0
    for number, value in enumerate(values, 1):
        if (value - min_delta > best) if higher else (value + min_delta < best):
            best, waited = value, 0
        else:
            waited += 1
            if waited >= patience:
                return number
    return len(values)


@pytest.mark.parametrize(("monitor", "patience", "delta"), [("val/auc", 2, 0.0), ("val/logloss", 1, 0.002)])
def test_training_ends_where_a_plain_loop_over_all_epochs_says(monitor, patience, delta, monkeypatch, tmp_path):
    monkeypatch.setenv("CADC_RUNS", str(tmp_path / "all"))
    assert cadc("train", *LONG).status == 0
    every, _ = history()
    expected = epochs_until(every[monitor], patience, delta, monitor == "val/auc")
    assert expected < len(every)
    monkeypatch.setenv("CADC_RUNS", str(tmp_path / "stopped"))
    words = [f"{KEY}.monitor={monitor}", f"{KEY}.patience={patience}", f"{KEY}.min_delta={delta}"]
    answer = cadc("train", *LONG, STOPPING[0], *words)
    assert answer.status == 0, answer.err
    found, record = history()
    pd.testing.assert_frame_equal(found, every[:expected])
    assert record["uses"][-1] == KEY


def killed_after_its_second_epoch():
    tell = LoggedEpochs.tell

    def dying(self, told):
        tell(self, told)
        if len(told) == 2:
            os.kill(os.getpid(), signal.SIGKILL)

    LoggedEpochs.tell = dying


def test_a_killed_run_goes_on_counting_where_it_was(tmp_path, monkeypatch):
    words = ["train", *LONG, STOPPING[0], "trainer.callbacks.early_stopping.min_delta=1.0"]
    monkeypatch.setenv("CADC_RUNS", str(tmp_path / "through"))
    assert cadc(*words).status == 0
    expected, record = history()
    assert len(expected) == 4  # the first epoch is always better, and three are not
    monkeypatch.setenv("CADC_RUNS", str(tmp_path / "killed"))
    command = Command(words, tmp_path, setup=killed_after_its_second_epoch)
    command.process.join(120)
    assert command.process.exitcode == -signal.SIGKILL
    assert ", resumed" in cadc(*words).err
    found, again = history()
    pd.testing.assert_frame_equal(found, expected)
    weights = [
        Path(tmp_path / name / record["id"] / "model.safetensors").read_bytes() for name in ("through", "killed")
    ]
    assert again["id"] == record["id"] and weights[0] == weights[1]


def test_runs_without_callbacks_keep_their_id_and_those_with_some_have_another():
    (plain,), (none,), (some,), (other,) = (
        plan([(*LONG, *words)])
        for words in ((), ("trainer/callbacks=[]",), STOPPING[:1], ("trainer/callbacks=[early_stopping]", STOPPING[1]))
    )
    assert plain.run_id == none.run_id
    assert len({plain.run_id, some.run_id, other.run_id}) == 3


def test_runs_that_are_trained_together_end_by_their_own_callbacks():
    answer = cadc("train", "-m", *LONG, *STOPPING, "trainer.fleet=2", "seed=0,1")
    assert answer.status == 0, answer.err
    for record in list(Ledger()):
        curves = pd.read_csv(Ledger().path(record["id"]) / CURVES)
        assert record["environment"]["fleet"] == 2
        assert record["cost"]["epochs"] == epochs_until(curves["val/logloss"], 2, 0.0, False)


class Noting(pl.Callback):
    """Notes what it is called with."""

    def __init__(self):
        self.calls = []

    def setup(self, trainer, pl_module, stage):
        self.calls.append(f"setup {stage} {trainer.max_epochs}")

    def on_train_start(self, trainer, pl_module):
        assert isinstance(pl_module, torch.nn.Module)
        self.calls.append("start")

    def on_train_epoch_end(self, trainer, pl_module):
        names = ",".join(sorted(trainer.callback_metrics))
        self.calls.append(f"epoch {trainer.current_epoch} step {trainer.global_step} {names}")
        trainer.should_stop = trainer.current_epoch == 1

    def on_train_end(self, trainer, pl_module):
        self.calls.append("end")


def fitted(log, **callbacks):
    rows = log.rows("train")[:512]
    fit = Fit(batch_size=128, max_epochs=5, patience=None, progress=False, accelerator="cpu")
    fit.callbacks = callbacks
    return fit(Constant(), log, rows, torch.Generator().manual_seed(0))


def test_hooks_are_called_in_order_with_the_metrics_of_the_epoch(log):
    callback = Noting()
    result = fitted(log, own=callback)
    metrics = "train/loss,val/auc,val/logloss"
    epochs = [f"epoch 0 step 4 {metrics}", f"epoch 1 step 8 {metrics}"]
    assert callback.calls == ["setup fit 5", "start", *epochs, "end"]
    assert result.epochs == 2


class Asking(pl.Callback):
    def on_train_epoch_end(self, trainer, pl_module):
        trainer.save_checkpoint("x.ckpt")


def test_what_a_run_does_not_have_is_a_sentence(log):
    with pytest.raises(
        CadcError, match=r"callbacks\.own \(Asking\) failed: it asks for trainer\.save_checkpoint, which"
    ):
        fitted(log, own=Asking())


class Stepping(pl.Callback):
    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        pass


class Keeping(pl.Callback):
    def state_dict(self):
        return {"function": os.getcwd}


def test_a_callback_that_waits_for_steps_is_refused():
    require_callable(EarlyStopping, "trainer.callbacks.early_stopping")
    with pytest.raises(UsageError, match=r"trainer\.callbacks\.own: Stepping has the hook on_train_batch_end, which"):
        require_callable(Stepping, "trainer.callbacks.own")


def test_a_state_that_no_checkpoint_holds_is_a_sentence(log, tmp_path):
    rows = log.rows("train")[:256]
    fit = Fit(max_epochs=1, progress=False, accelerator="cpu")
    fit.callbacks = {"own": Keeping()}
    with pytest.raises(UsageError, match=r"trainer\.callbacks\.own keeps more in its state_dict than tensors"):
        fit(Constant(), log, rows, torch.Generator().manual_seed(0), tmp_path)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["trainer.callbacks=[model_checkpoint]"], "a run keeps the weights of its best epoch"),
        (["trainer/callbacks=[ModelCheckpoint]"], "a run keeps the weights of its best epoch"),
        (["trainer/callbacks=[early_stoping]"], "did you mean trainer/callbacks=early_stopping?"),
        (STOPPING[1:], "add it to the list, trainer/callbacks=[early_stopping]."),
        ([STOPPING[0], "trainer.callbacks.early_stopping.monitor=val/ac"], "choose one of val/auc, val/logloss"),
        ([STOPPING[0], "trainer.callbacks.early_stopping.patince=2"], "patience"),
        ([STOPPING[0], "trainer.callbacks.early_stopping._target_=os.system"], "is not allowed"),
        (
            [STOPPING[0], "trainer.callbacks.early_stopping._target_=pytorch_lightning.callbacks.Timer"],
            "is not allowed",
        ),
        ([STOPPING[0], "trainer.callbacks.early_stopping._target_=cadc.training.fit.Fit"], "is not an option of Fit"),
    ],
)
def test_wrong_callbacks_are_met_with_what_to_do(words, says):
    answer = cadc("train", *TINY, *words)
    assert answer.status == 2, answer.err
    assert says in answer.sentence
    assert runs() == []


def test_callbacks_of_runs_are_not_those_of_a_trainer():
    import cadc as face

    with pytest.raises(UsageError, match="give callbacks to your Trainer"):
        face.lightning(*LONG, *STOPPING)
