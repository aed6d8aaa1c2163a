"""Several ranks take the steps that one process takes, whatever model, optimiser and sizes of batches."""

import numpy as np
import pytest

from tests.distributed import programs
from tests.distributed.processes import on_ranks

# 800 training rows: the last batch of an epoch has one row, so that all ranks but the first have none of it.
SMALL = ("data=synthetic", "data.n_rows=1000", "embedding.dim=4", "trainer.accelerator=cpu", "trainer.batch_size=47")
CTR = (*SMALL, "model.bottom_mlp=[8]", "model.top_mlp=[8]")
CASES = {
    "dense": CTR,
    "rows_alone": (*CTR, "trainer.lazy_tables=true"),
    "decoupled": (*CTR, "trainer.weight_decay=decoupled"),
    "rows_decoupled": (*CTR, "trainer.weight_decay=decoupled", "trainer.lazy_tables=true", "trainer.averaging=ema"),
    "dropout": (*CTR, "model.dropout=0.3", "model.embedding_dropout=0.2"),
    "scheduled": (*CTR, "trainer.schedule=cosine", "trainer.warm_up=0.1", "trainer.max_epochs=3"),
    "weighted": (*CTR, "sampler=loss_based", "sampler.rate=0.5"),
    "compressed": (*CTR, "embedding=hash_code", "embedding.ratio=2"),
    "searching": (*CTR, "embedding=mixed_precision", "embedding.ratio=4"),
    "residual": (
        *CTR,
        "sampler.rate=0.3",
        "factorization_rows=crossfit",
        "model.residual=true",
        "initializer=mf_bias",
        "initializer.freeze=true",
    ),
    "sequences": (*SMALL, "model=sasrec", "model.dropout=0", "trainer=ranking", "data/split=leave_one_out"),
}


WHOLE = pytest.mark.cluster("ray")
"""Of tests that are run where all extras are installed; several processes on few processors take their time."""


def of_one_and_several(overrides, sizes=(2, 3), **options):
    (one,) = on_ranks(programs.losses, 1, overrides=overrides, **options)
    return one, [on_ranks(programs.losses, size, overrides=overrides, **options) for size in sizes]


@pytest.mark.parametrize("case", [name if name == "dense" else pytest.param(name, marks=WHOLE) for name in CASES])
def test_losses_are_those_of_one_process_to_the_last_digits_of_float64(case):
    # In float32, rounding differs with the number of rows, and sooner or later puts an input of a ReLU across 0.
    one, several = of_one_and_several(CASES[case], dtype="float64", n_steps=36)
    for found in several:
        assert all(own["weights"] == found[0]["weights"] for own in found)
        np.testing.assert_allclose(found[0]["losses"], one["losses"], rtol=0, atol=1e-9)
    # The last batch of all training rows is one row.
    assert several[-1][-1]["sizes"][0] == 0 or case not in ("dense", "rows_alone")


@WHOLE
def test_losses_in_float32_agree_to_a_millionth_over_a_hundred_steps():
    one, several = of_one_and_several(CASES["dense"])
    for found in several:
        np.testing.assert_allclose(found[0]["losses"], one["losses"], rtol=0, atol=1e-6)


@WHOLE
def test_all_ranks_stop_after_the_same_epoch_with_the_same_metrics():
    overrides = (*CTR, "trainer.max_epochs=8", "trainer.patience=1", "trainer.grace_steps=0")
    (one,) = on_ranks(programs.fitted, 1, overrides=overrides)
    found = on_ranks(programs.fitted, 3, overrides=overrides)
    assert all(own == found[0] for own in found)
    assert found[0]["epochs"] == one["epochs"]
    for name, value in one["validation"].items():
        assert found[0]["validation"][name] == pytest.approx(value, abs=1e-5)
