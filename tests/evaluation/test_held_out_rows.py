"""Probabilities of held-out rows: each has the same bits whichever rows are scored beside it."""

import numpy as np
from torch import Tensor, nn

from cadc.data.batch import Batch
from cadc.data.prepare import prepare
from cadc.data.sources.synthetic import Synthetic
from cadc.data.split import RandomSplit
from cadc.evaluation.tasks import HeldOutRows


class OfDense(nn.Module):
    """Logits in float64 that follow from a row's dense values, element by element, as a Platt scaling's do."""

    def forward(self, batch: Batch) -> Tensor:
        return batch.dense[:, 0].double() * 0.7310585 + 0.1


def test_a_probability_has_the_same_bits_whatever_the_number_of_rows(tmp_path, monkeypatch):
    monkeypatch.setenv("CADC_CACHE", str(tmp_path))
    part = HeldOutRows(prepare(Synthetic(n_rows=5000), RandomSplit()), "test")
    rows, model = part.rows, OfDense()
    whole = part.probabilities(model)
    for n in range(1, 200):
        part.rows = rows[:n]
        assert np.array_equal(part.probabilities(model), whole[:n]), n
