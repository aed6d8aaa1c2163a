"""Fits whose tables several processes share: those of one process, and resumed by another number of them."""

import pytest
import torch
import torch.distributed.checkpoint
import torch.distributed.tensor

from cadc.distributed.ranks import current_ranks
from cadc.embeddings.base.weights_file import stored_parts, write_weights
from cadc.errors import DamagedCheckpoint
from cadc.randomness import torch_generator
from cadc.training.fit import Fit
from tests.embeddings.sharded.steps import network_of
from tests.support.ranks import on_ranks

OPTIONS = {
    "dense": {},
    "lazy": {"lazy_tables": True, "averaging": "ema"},
    "decoupled": {"lazy_tables": True, "weight_decay": "decoupled"},
}


def fitted(log, n_epochs, options, checkpoints=None, ranks=None, path=None):
    """Fit for some epochs, from the checkpoint if there is one; return losses and bytes of the optimiser."""
    fit = Fit(max_epochs=n_epochs, patience=None, batch_size=256, progress=False, **options)
    model = network_of(log, ranks)
    kept = checkpoints if ranks is None or ranks.is_first else None
    found = fit(model, log, log.rows("train"), torch_generator(0, "batches"), kept)
    if path is not None:
        write_weights(stored_parts(model), path if ranks is None or ranks.is_first else None)
    losses = [[row["train/loss"], row["val/logloss"], row["val/auc"]] for row in found.history]
    return {"losses": torch.tensor(losses), "bytes": found.optimizer_bytes}


def of_ranks(n, tmp_path, *arguments):
    """Fit on this number of ranks; 0 in this process, whose tables are its own."""
    if not n:
        return fitted(*arguments)
    log, n_epochs, options, checkpoints = arguments
    path = tmp_path / "model"
    return on_ranks(n, tmp_path / "ranks", lambda: fitted(log, n_epochs, options, checkpoints, current_ranks(), path))[
        0
    ]


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [("dense", 4, 2), ("lazy", 4, 2), ("decoupled", 3, 2), ("lazy", 3, 0), ("dense", 0, 3)],
)
def test_another_number_of_processes_resumes(log, tmp_path, kind, before, after):
    expected = fitted(log, 2, OPTIONS[kind])
    of_ranks(before, tmp_path, log, 1, OPTIONS[kind], tmp_path / "checkpoints")
    found = of_ranks(after, tmp_path, log, 2, OPTIONS[kind], tmp_path / "checkpoints")
    assert torch.allclose(found["losses"], expected["losses"], rtol=0, atol=1e-5)
    assert found["bytes"] == pytest.approx(expected["bytes"], rel=1e-3)


def test_a_new_checkpoint_replaces_the_rows_of_the_last(log, tmp_path):
    folder = tmp_path / "checkpoints"
    of_ranks(2, tmp_path, log, 2, {}, folder)
    assert [path.suffix for path in sorted(folder.iterdir()) if path.is_file()] == [".ckpt"]
    (shards,) = folder.glob("shards-*")
    assert len(list(shards.iterdir())) == 2


def test_damaged_rows_are_refused(log, tmp_path):
    folder = tmp_path / "checkpoints"
    of_ranks(2, tmp_path, log, 1, {}, folder)
    path = next(folder.glob("shards-*/*"))
    path.write_bytes(path.read_bytes()[:-1] + b"x")

    def resume():
        with pytest.raises(DamagedCheckpoint, match=r"1 of 2 files of the checkpoint in .* are damaged"):
            fitted(log, 2, {}, folder, current_ranks())

    on_ranks(2, tmp_path / "ranks", resume)
