"""The Lightning modules in a Trainer of one's own: loggers, callbacks, checkpoints, prediction."""

import subprocess
import sys

import pandas as pd
import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint
from pytorch_lightning.loggers import CSVLogger
from sklearn.metrics import log_loss, roc_auc_score

import cadc
from cadc.data.batches import BatchLoader
from cadc.data.sources import Synthetic
from cadc.evaluation.ranking import rows_before
from cadc.evaluation.tasks import HeldOutRanks, HeldOutRows
from cadc.models import Model
from cadc.sampling import LeverageSampler, UniformSampler
from tests.api.conftest import SMALL

QUIET = {"accelerator": "cpu", "enable_progress_bar": False, "enable_model_summary": False}
ALONE = QUIET | {"logger": False, "enable_checkpointing": False}


@pytest.fixture
def five_lines(tmp_path):
    """A fit of three epochs with a logger and two callbacks: trainer, module, data, checkpoint."""
    module, data = cadc.lightning(*SMALL, "sampler.rate=0.3")
    best = ModelCheckpoint(dirpath=tmp_path, monitor="val/auc", mode="max")
    trainer = pl.Trainer(
        max_epochs=3, logger=CSVLogger(tmp_path), callbacks=[EarlyStopping("val/logloss"), best], **QUIET
    )
    trainer.fit(module, data)
    return trainer, module, data, best


def test_a_fit_logs_loss_and_metrics_of_each_epoch(five_lines):
    trainer, *_ = five_lines
    trainer.logger.save()
    logged = pd.read_csv(f"{trainer.logger.log_dir}/metrics.csv").groupby("epoch").first()
    assert list(logged.index) == [0, 1, 2]
    assert logged[["train/loss", "val/auc", "val/logloss"]].notna().all().all()
    assert logged["train/loss"].iloc[-1] < logged["train/loss"].iloc[0]


def test_logged_metrics_are_those_of_the_whole_part(five_lines):
    trainer, module, data, _ = five_lines
    (tested,) = trainer.test(module, data, verbose=False)
    rows = data.log.rows("test")
    expected = HeldOutRows(data.log, "test").metrics(module.model)
    assert tested == pytest.approx({f"test/{name}": value for name, value in expected.items()}, abs=1e-6)
    probability = torch.cat(trainer.predict(module, data)).numpy()
    label = data.log.labels(rows).numpy()
    assert tested["test/auc"] == pytest.approx(roc_auc_score(label, probability), abs=1e-6)
    assert tested["test/logloss"] == pytest.approx(log_loss(label, probability), abs=1e-5)


def test_the_best_checkpoint_is_read_back(five_lines):
    _, module, data, best = five_lines
    assert best.best_model_score == pytest.approx(best.best_model_score.item())
    fresh, _ = cadc.lightning(*SMALL, "sampler.rate=0.3")
    loaded = cadc.RecommenderModule.load_from_checkpoint(best.best_model_path, model=fresh.model)
    (found,) = pl.Trainer(**ALONE).validate(loaded, data, verbose=False)
    assert found["val/auc"] == pytest.approx(best.best_model_score.item(), abs=1e-6)
    assert loaded.hparams["learning_rate"] == module.learning_rate


def test_training_stops_by_a_metric_that_is_watched():
    module, data = cadc.lightning(*SMALL)
    trainer = pl.Trainer(max_epochs=50, callbacks=[EarlyStopping("val/logloss", patience=1, min_delta=10.0)], **ALONE)
    trainer.fit(module, data)
    assert trainer.current_epoch == 2


def test_the_first_weights_and_rows_are_those_of_the_run(folder, swept):
    run = cadc.run(*SMALL, "sampler.rate=0.1", runs=folder)
    module, data = cadc.lightning(*SMALL, "sampler.rate=0.1")
    assert len(data.sample.rows) == run.record["rows"]["kept"]
    assert data.log.content_hash == run.record["data"]["content_hash"]
    again, _ = cadc.lightning(*SMALL, "sampler.rate=0.1")
    for name, value in module.state_dict().items():
        assert torch.equal(value, again.state_dict()[name])


def test_a_model_that_ranks_is_judged_by_ranks():
    module, data = cadc.lightning(*SMALL, "data/split=leave_one_out", "model=two_tower", "trainer=ranking")
    trainer = pl.Trainer(max_epochs=1, **ALONE)
    trainer.fit(module, data)
    assert "val/ndcg@10" in trainer.callback_metrics and "val/auc" not in trainer.callback_metrics
    (tested,) = trainer.test(module, data, verbose=False)
    expected = HeldOutRanks(data.log, "test").metrics(module.model)
    assert tested["test/ndcg@10"] == pytest.approx(expected["ndcg@10"], abs=1e-6)
    with pytest.raises(cadc.UsageError, match="ranked"):
        cadc.RecommenderModule(module.model)


HISTORIES = {
    "sequences": ("model=sasrec", "model.length=20"),
    "two towers": ("model=two_tower", "model.history=[1,5]"),
    "views": ("model=sasrec", "model.length=20", "views=[transitions,recent_ease]", "factorization_rows=complement"),
}


@pytest.fixture(params=HISTORIES)
def ranking(request, tmp_path):
    """A fit of a model with histories: trainer, module, data, overrides."""
    words = (*SMALL, "data/split=leave_one_out", "trainer=ranking", "sampler.rate=0.5", *HISTORIES[request.param])
    module, data = cadc.lightning(*words)
    best = ModelCheckpoint(dirpath=tmp_path, monitor="val/ndcg@10", mode="max")
    trainer = pl.Trainer(max_epochs=1, callbacks=[best], logger=False, **QUIET)
    trainer.fit(module, data)
    return trainer, module, data, words


def test_new_scores_rest_on_what_was_known_at_the_test(ranking):
    trainer, module, data, _ = ranking
    found = torch.cat(trainer.predict(module, data))
    module.model.remember(data.log, rows_before(data.log, "test"))
    with torch.inference_mode():
        expected = module.model.eval()(data.log.gather(data.log.rows("test")))
    assert torch.equal(found, expected.double())


def test_checkpoints_are_read_whichever_part_was_ranked_before(ranking, tmp_path):
    trainer, module, data, words = ranking
    before = trainer.validate(module, data, verbose=False)
    trainer.save_checkpoint(tmp_path / "validation.ckpt")
    tested = trainer.test(module, data, verbose=False)
    trainer.save_checkpoint(tmp_path / "test.ckpt")
    assert trainer.test(module, data, ckpt_path=tmp_path / "validation.ckpt", verbose=False) == tested
    assert trainer.validate(module, data, ckpt_path=tmp_path / "test.ckpt", verbose=False) == before
    fresh, _ = cadc.lightning(*words)
    loaded = cadc.RecommenderModule.load_from_checkpoint(tmp_path / "test.ckpt", model=fresh.model, ranked=data.log)
    assert pl.Trainer(**ALONE).test(loaded, data, verbose=False) == tested


class Popularity(Model):
    """A model of one's own: a logit for each value of the first field."""

    def __init__(self, schema):
        super().__init__()
        self.logit = torch.nn.Embedding(schema.single[0].vocabulary_size, 1)

    def forward(self, batch):
        return self.logit(batch.ids[:, 0].long()).squeeze(1)


def test_a_model_and_data_of_ones_own_need_no_configuration():
    data = cadc.InteractionDataModule(
        Synthetic(n_rows=2000), sampler=UniformSampler(rate=0.5), batch_size=200, num_workers=0
    )
    module = cadc.RecommenderModule(Popularity(data.log.schema), learning_rate=0.05)
    trainer = pl.Trainer(max_epochs=2, **ALONE)
    trainer.fit(module, data)
    assert trainer.global_step == 2 * 4
    assert 0.3 < trainer.callback_metrics["val/logloss"] < 1.0


def test_training_rows_are_those_of_the_sample_each_once_in_a_new_order():
    data = cadc.InteractionDataModule(Synthetic(n_rows=2000), sampler=UniformSampler(rate=0.5), batch_size=300)
    loader = data.train_dataloader()
    first, second = (torch.cat([batch.ids for batch in loader]) for _ in range(2))
    expected = torch.cat([batch.ids for batch in BatchLoader(data.log, data.sample.rows, 800)])
    assert not torch.equal(first, second)
    for found in (first, second):
        assert sorted(map(tuple, found.tolist())) == sorted(map(tuple, expected.tolist()))


def test_a_model_of_sequences_gets_batches_of_few_users():
    _, data = cadc.lightning(*SMALL, "data/split=leave_one_out", "model=sasrec", "trainer=ranking")
    column = [field.name for field in data.log.schema.single].index("user")
    loader = data.train_dataloader()
    first, second = (torch.cat([batch.ids[:, column] for batch in loader]) for _ in range(2))
    assert not torch.equal(first, second)
    for found in (first, second):
        assert len(found) == data.log.n_rows("train")
        assert len(torch.unique_consecutive(found)) == len(torch.unique(found))


def test_weights_and_offset_of_a_sample_go_into_the_batches():
    _, data = cadc.lightning(*SMALL, "sampler=label_balanced", "sampler.rate=0.3")
    batch = next(iter(data.train_dataloader()))
    assert batch.offset is not None and batch.offset.shape == batch.label.shape
    assert next(iter(data.val_dataloader())).offset is None


def test_cross_fitted_factors_know_the_fold_of_each_row():
    _, data = cadc.lightning(
        *SMALL, "factorization_rows=crossfit", "factorization_folds=2", "initializer=mf", "initializer.freeze=true"
    )
    assert set(next(iter(data.train_dataloader())).fold.tolist()) == {0, 1}


def test_what_no_trainer_can_fit_is_refused():
    with pytest.raises(cadc.UsageError, match="model=bias"):
        cadc.lightning(*SMALL[:2], "model=bias")
    with pytest.raises(cadc.UsageError, match="LeverageSampler"):
        cadc.InteractionDataModule(Synthetic(n_rows=100), sampler=LeverageSampler(rate=0.5))


TWO_DEVICES = """
import cadc, pytorch_lightning as pl
from cadc.evaluation.ranking import rows_before
from cadc.evaluation.tasks import HeldOutRows

if __name__ == "__main__":
    module, data = cadc.lightning(*{small!r})
    trainer = pl.Trainer(
        max_epochs=1, accelerator="cpu", devices=2, strategy="ddp", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False,
    )
    trainer.fit(module, data)
    (tested,) = trainer.test(module, data, verbose=False)
    expected = HeldOutRows(data.log, "test").metrics(module.model)
    assert trainer.world_size == 2 and len(data.log.rows("test")) % 2 == 1, len(data.log.rows("test"))
    for name, value in expected.items():
        assert abs(tested["test/" + name] - value) < 1e-6, (tested, expected)
    print("metrics of all rows")
"""


@pytest.mark.slow
def test_metrics_of_two_devices_are_those_of_all_rows(tmp_path):
    script = tmp_path / "two_devices.py"
    script.write_text(TWO_DEVICES.format(small=["data=synthetic", "data.n_rows=3010", "embedding.dim=4"]))
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=300)
    assert "metrics of all rows" in done.stdout, done.stderr[-2000:]
