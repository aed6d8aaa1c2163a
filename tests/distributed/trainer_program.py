"""A Trainer of one's own on some processes: `python -m tests.distributed.trainer_program DEVICES SAMPLER FOLDER`."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from cadc.api.lightning import lightning
from cadc.api.module import RecommenderModule

OVERRIDES = (
    "data=synthetic",
    "data.n_rows=3002",
    "sampler.rate=0.5",
    "embedding.dim=4",
    "trainer.weight_decay_tables=0",
    "model.bottom_mlp=[]",
)
BATCH = 24
"""Rows of a global batch, which the 1200 rows of the sample do not fill evenly."""


class Watched(pl.Callback):
    """Notes the rows and their weights that a process trains on, step by step."""

    def __init__(self) -> None:
        self.rows: list[list[tuple[int, float]]] = []
        self.losses: list[float] = []

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Note the rows of a batch."""
        weights = torch.ones(len(batch)) if batch.weight is None else batch.weight
        self.rows.append(list(zip(batch.row.tolist(), weights.tolist(), strict=True)))


def main() -> None:
    """Train two epochs and test; write what each process saw, and the metrics."""
    devices, sampler, folder = int(sys.argv[1]), sys.argv[2] == "lightnings", Path(sys.argv[3])
    torch.set_num_threads(1)
    module, data = lightning(*OVERRIDES)
    assert isinstance(module, RecommenderModule)
    data.batch_size = BATCH // devices
    watched = Watched()
    trainer = pl.Trainer(
        max_epochs=2,
        accelerator="cpu",
        devices=devices,
        strategy="ddp" if devices > 1 else "auto",
        use_distributed_sampler=sampler,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        callbacks=[watched],
    )
    trainer.fit(module, data)
    metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
    (tested,) = trainer.test(module, data, verbose=False)
    predicted = trainer.predict(module, data)
    assert predicted is not None
    weights: Tensor = torch.cat([weight.detach().flatten() for weight in module.parameters()])
    found = {
        "rows": watched.rows,
        "metrics": {**metrics, **tested},
        "weights": weights.tolist(),
        "predicted": [float(score) for part in predicted for score in part],
    }
    (folder / f"{os.environ.get('LOCAL_RANK', '0')}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
