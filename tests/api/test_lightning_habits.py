"""What users of Lightning write without looking it up works with `cadc.lightning`, line by line."""

import warnings

import numpy as np
import pandas as pd
import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint
from pytorch_lightning.loggers import CSVLogger
from sklearn.metrics import log_loss, roc_auc_score

import cadc
from cadc.data.batches import EVALUATION_BATCH
from cadc.sampling import UniformSampler
from cadc.views import Views
from tests.api.conftest import SMALL
from tests.api.test_lightning import ALONE, QUIET, Popularity

WORDS = (*SMALL, "sampler.rate=0.3")


def made(*words):
    return cadc.lightning(*WORDS, *words)


def fitted(tmp_path, module, data, **options):
    """A trainer that has fitted a module with all that a user would give it."""
    best = ModelCheckpoint(dirpath=tmp_path, monitor="val/auc", mode="max")
    given = {"max_epochs": 2, "logger": CSVLogger(tmp_path), "callbacks": [EarlyStopping("val/logloss"), best]}
    trainer = pl.Trainer(**(QUIET | given | options))
    trainer.fit(module, data)
    return trainer


def metrics_of(module, data, split):
    """AUC and logloss of a part by scikit-learn, from the logits of all its rows in float32."""
    batch = data.log.gather(data.log.rows(split))
    with torch.no_grad():
        probability = module.model.eval()(batch).double().sigmoid().numpy()
    label = batch.label.numpy()
    return {"auc": roc_auc_score(label, probability), "logloss": log_loss(label, probability)}, probability


# trainer = Trainer(callbacks=[EarlyStopping("val/logloss"), ModelCheckpoint(monitor="val/auc")], logger=CSVLogger(...))


def test_under_bf16_mixed_all_three_are_logged_and_close_to_those_of_32_bits(tmp_path):
    module, data = made("embedding.dim=8")
    trainer = fitted(tmp_path / "bf16", module, data, precision="bf16-mixed")
    trainer.logger.save()
    logged = pd.read_csv(f"{trainer.logger.log_dir}/metrics.csv").groupby("epoch").first()
    assert logged[["train/loss", "val/auc", "val/logloss"]].notna().all().all()
    assert {weight.dtype for weight in module.parameters()} == {torch.float32}
    other, _ = made("embedding.dim=8")
    exact = fitted(tmp_path / "32", other, data)
    found, expected = (float(each.callback_metrics["val/logloss"]) for each in (trainer, exact))
    assert found == pytest.approx(expected, abs=0.01) and found != expected


def test_bf16_metrics_are_those_of_the_scores_that_are_predicted(tmp_path):
    module, data = made()
    trainer = fitted(tmp_path, module, data, precision="bf16-mixed")
    (found,) = trainer.test(module, data, verbose=False)
    probability = torch.cat(trainer.predict(module, data)).numpy()
    label = data.log.labels(data.log.rows("test")).numpy()
    assert found["test/auc"] == pytest.approx(roc_auc_score(label, probability), abs=1e-6)
    assert found["test/logloss"] == pytest.approx(log_loss(label, probability), abs=1e-6)


@pytest.mark.parametrize("lazy", [True, False])
def test_gradients_are_clipped_under_mixed_precision(tmp_path, lazy):
    module, data = made(f"trainer.lazy_tables={lazy}")
    clip = {} if lazy else {"gradient_clip_val": 1.0}  # torch clips no sparse gradients
    trainer = fitted(tmp_path, module, data, precision="bf16-mixed", **clip)
    assert trainer.callback_metrics["val/logloss"] < 0.75


@pytest.mark.skipif(
    not torch.cuda.is_available(), reason="16-mixed scales gradients on a GPU alone; there is none here"
)
@pytest.mark.parametrize("lazy", [True, False])
def test_16_mixed_learns_what_32_bits_learn(tmp_path, lazy):
    found = []
    for precision in ("16-mixed", "32-true"):
        module, data = made(f"trainer.lazy_tables={lazy}")
        trainer = fitted(tmp_path / precision, module, data, precision=precision, accelerator="gpu")
        found.append(float(trainer.callback_metrics["val/logloss"]))
    assert found[0] == pytest.approx(found[1], abs=0.01)


def test_the_check_before_training_logs_nothing_and_is_not_compared(tmp_path):
    module, data = made()
    logged = []
    module.log_dict = lambda values, **_: logged.append(dict(values))
    trainer = pl.Trainer(max_epochs=1, num_sanity_val_steps=2, **ALONE)
    trainer.fit(module, data)
    assert len(logged) == 1 and set(logged[0]) == {"val/auc", "val/logloss"}


def test_metrics_are_exact_where_the_part_has_several_batches():
    words = ("data=synthetic", "data.n_rows=130000", "data.n_users=300", "sampler.rate=0.01", "embedding.dim=4")
    module, data = cadc.lightning(*words)
    assert len(data.log.rows("validation")) % EVALUATION_BATCH and len(data.val_dataloader()) > 1
    (found,) = pl.Trainer(**ALONE).validate(module, data, verbose=False)
    expected, _ = metrics_of(module, data, "validation")
    assert found == pytest.approx({f"val/{name}": value for name, value in expected.items()}, abs=1e-6)


# trainer.predict(module, dataloaders)


def test_predictions_are_probabilities_in_the_order_of_rows():
    module, data = made()
    found = pl.Trainer(**ALONE).predict(module, dataloaders=data.test_dataloader())
    _, expected = metrics_of(module, data, "test")
    assert np.allclose(torch.cat(found).numpy(), expected, atol=1e-7)
    assert ((expected > 0) & (expected < 1)).all()


# module(batch)


def test_a_call_returns_logits():
    module, data = made()
    batch = next(iter(data.test_dataloader()))
    with torch.no_grad():
        assert torch.equal(module.eval()(batch), module.model(batch))


# module = cadc.RecommenderModule.load_from_checkpoint(path)


def test_a_checkpoint_is_read_back_by_its_path_alone(tmp_path):
    module, data = made("initializer=mf", "trainer.learning_rate=0.01", "trainer.schedule=linear")
    trainer = fitted(tmp_path, module, data)
    trainer.save_checkpoint(tmp_path / "last.ckpt")
    loaded = cadc.RecommenderModule.load_from_checkpoint(tmp_path / "last.ckpt")
    assert dict(loaded.hparams) == dict(module.hparams) and loaded.learning_rate == 0.01
    assert all(isinstance(value, str | float | bool | list) for value in loaded.hparams.values())
    for name, value in module.state_dict().items():
        assert torch.equal(value, loaded.state_dict()[name])
    expected = pl.Trainer(**ALONE).test(module, data, verbose=False)
    assert pl.Trainer(**ALONE).test(loaded, data, verbose=False) == expected
    pl.Trainer(max_epochs=1, **ALONE).fit(loaded, data)


def test_a_checkpoint_of_a_ranking_model_is_read_back_by_its_path_alone(tmp_path):
    words = (*SMALL, "data/split=leave_one_out", "model=two_tower", "trainer=ranking", "model.history=[1,5]")
    module, data = cadc.lightning(*words)
    trainer = pl.Trainer(max_epochs=1, logger=False, enable_checkpointing=False, **QUIET)
    trainer.fit(module, data)
    before = trainer.validate(module, data, verbose=False)
    trainer.save_checkpoint(tmp_path / "last.ckpt")
    loaded = cadc.RecommenderModule.load_from_checkpoint(tmp_path / "last.ckpt")
    assert pl.Trainer(**ALONE).validate(loaded, data, verbose=False) == before


def test_a_checkpoint_of_a_model_of_ones_own_asks_for_the_model(tmp_path):
    data = cadc.InteractionDataModule(cadc_source(), sampler=UniformSampler(rate=0.5), batch_size=200)
    module = cadc.RecommenderModule(Popularity(data.log.schema))
    trainer = pl.Trainer(max_epochs=1, **ALONE)
    trainer.fit(module, data)
    trainer.save_checkpoint(tmp_path / "own.ckpt")
    with pytest.raises(cadc.UsageError, match=r"load_from_checkpoint\(path, model=model\)"):
        cadc.RecommenderModule.load_from_checkpoint(tmp_path / "own.ckpt")
    own = Popularity(data.log.schema)
    loaded = cadc.RecommenderModule.load_from_checkpoint(tmp_path / "own.ckpt", model=own)
    assert torch.equal(loaded.model.logit.weight, module.model.logit.weight)


def cadc_source():
    from cadc.data.sources import Synthetic

    return Synthetic(n_rows=2000)


# Trainer(fast_dev_run=True), limit_train_batches, trainer.fit(ckpt_path=...), trainer.validate and trainer.test alone


def test_a_fast_run_for_development_passes_through_all_stages(tmp_path):
    module, data = made()
    trainer = pl.Trainer(fast_dev_run=True, **QUIET)
    trainer.fit(module, data)
    assert trainer.global_step == 1 and "val/auc" in trainer.callback_metrics
    (found,) = trainer.test(module, data, verbose=False)
    assert set(found) == {"test/auc", "test/logloss"}


def test_fewer_training_batches_are_taken():
    module, data = made("trainer.batch_size=64")
    trainer = pl.Trainer(max_epochs=2, limit_train_batches=3, **ALONE)
    trainer.fit(module, data)
    assert trainer.global_step == 6


@pytest.mark.parametrize("lazy", [True, False])
def test_a_fit_that_is_resumed_ends_as_one_that_was_never_interrupted(tmp_path, lazy):
    words = (f"trainer.lazy_tables={lazy}", "trainer.schedule=cosine", "trainer.warm_up=0.1", "trainer.batch_size=256")
    through, data = made(*words)
    whole = fitted(tmp_path / "whole", through, data, max_epochs=3)
    first, data = made(*words)
    saving = ModelCheckpoint(dirpath=tmp_path / "first", every_n_epochs=1, save_top_k=-1, filename="{epoch}")
    pl.Trainer(max_epochs=3, callbacks=[saving], logger=False, **QUIET).fit(first, data)
    again, data = made(*words)
    trainer = pl.Trainer(max_epochs=3, **ALONE)
    trainer.fit(again, data, ckpt_path=tmp_path / "first" / "epoch=0.ckpt")
    assert trainer.callback_metrics["val/logloss"] == whole.callback_metrics["val/logloss"]
    for name, value in through.state_dict().items():
        assert torch.equal(value, again.state_dict()[name])


def test_another_fit_with_the_same_data_sees_the_same_order():
    _, data = made()
    first, second = (torch.cat([batch.ids for batch in data.train_dataloader()]) for _ in range(2))
    assert torch.equal(first, second)


def test_validation_and_test_need_no_fit():
    module, data = made("initializer=mf")
    trainer = pl.Trainer(**ALONE)
    (validated,), (tested,) = trainer.validate(module, data, verbose=False), trainer.test(module, data, verbose=False)
    for split, found in (("validation", validated), ("test", tested)):
        expected, _ = metrics_of(module, data, split)
        assert found == pytest.approx(
            {f"{'val' if split == 'validation' else 'test'}/{name}": value for name, value in expected.items()},
            abs=1e-6,
        )


# ModelCheckpoint(monitor="val/auc"), which Lightning minimises


@pytest.mark.parametrize(
    ("callback", "is_wrong"),
    [
        (lambda place: ModelCheckpoint(dirpath=place, monitor="val/auc"), True),
        (lambda place: ModelCheckpoint(dirpath=place, monitor="val/auc", mode="max"), False),
        (lambda place: EarlyStopping("val/logloss", mode="max"), True),
        (lambda place: EarlyStopping("val/logloss"), False),
        (lambda place: ModelCheckpoint(dirpath=place), False),
    ],
)
def test_a_callback_that_keeps_the_worst_epoch_is_warned_of(tmp_path, callback, is_wrong):
    module, data = made()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        options = {"logger": False, "default_root_dir": tmp_path}  # where Lightning keeps checkpoints unasked
        pl.Trainer(max_epochs=1, callbacks=[callback(tmp_path)], **options, **QUIET).fit(module, data)
    said = [str(each.message) for each in caught if "worst epoch" in str(each.message)]
    assert len(said) == is_wrong
    assert not is_wrong or said[0].endswith(('set mode="max".', 'set mode="min".'))


def test_views_are_those_of_the_run():
    module, data = made("views=[statistics]", "factorization_rows=complement", "model=dlrm")
    assert any(isinstance(part, Views) for part in module.model.modules())
    assert next(iter(data.train_dataloader())).views is not None
    pl.Trainer(max_epochs=1, **ALONE).fit(module, data)
