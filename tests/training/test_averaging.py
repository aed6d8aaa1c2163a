"""Averaged weights beside torch's `AveragedModel`: their values, and that they are what is validated and kept."""

from copy import deepcopy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.optim.swa_utils import AveragedModel

from cadc.embeddings.collection import EmbeddingCollection
from cadc.embeddings.initialization import InitialValues
from cadc.embeddings.schemes.full import Full
from cadc.embeddings.schemes.hash_code import HashCode
from cadc.embeddings.schemes.mixed_precision import MixedPrecision
from cadc.embeddings.schemes.pep import Pep
from cadc.embeddings.schemes.quantised import Quantised
from cadc.evaluation.tasks import HeldOutRows
from cadc.models.model import Model
from cadc.training.averaging import WeightAverage
from cadc.training.fit import Fit
from cadc.training.lazy_adam import LazyAdam
from cadc.training.search import fit_after_search

N_ROWS = 6


class Sums(nn.Module):
    """A table with sparse gradients, a layer, a frozen weight and a buffer that counts."""

    def __init__(self, sparse):
        super().__init__()
        self.table = nn.Embedding(N_ROWS, 2, sparse=sparse)
        self.layer = nn.Linear(2, 1)
        self.frozen = nn.Parameter(torch.ones(2), requires_grad=False)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, ids):
        self.calls += 1
        return self.layer(self.table(ids) + self.frozen).sum()


def averaged(steps, decay, sparse):
    """The averaged model after steps that look up these rows, by us and by torch."""
    torch.manual_seed(0)
    model = Sums(sparse)

    def as_ours(average, weight, n_averaged):
        return torch.lerp(average, weight, (1 - decay) / (1 - decay ** (int(n_averaged) + 1)))

    reference, own = AveragedModel(model, avg_fn=as_ours), WeightAverage(model, decay)
    optimizer = LazyAdam([{"params": list(model.parameters())}], lr=0.1)
    for ids in steps:
        optimizer.zero_grad()
        model(torch.tensor(ids)).backward()
        own.before_step()
        optimizer.step()
        own.after_step()
        reference.update_parameters(model)
    return model, own, reference.module


some_steps = st.lists(st.lists(st.integers(0, N_ROWS - 2), min_size=1, max_size=4), min_size=1, max_size=12)


@settings(deadline=None, max_examples=30)
@given(some_steps, st.sampled_from([0.0, 0.5, 0.9, 0.999]), st.booleans())
def test_it_is_that_of_torch_with_the_same_shares_also_where_rows_rest(steps, decay, sparse):
    model, own, reference = averaged(steps, decay, sparse)
    before = deepcopy(model.state_dict())
    for _ in range(2):  # the second time nothing is left to bring up to date
        with own.applied():
            for name, value in reference.named_parameters():
                torch.testing.assert_close(dict(model.named_parameters())[name], value, msg=name)
            assert torch.equal(model.calls, before["calls"])
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_it_weighs_the_weights_after_each_step_by_powers_of_the_decay():
    weight = nn.Parameter(torch.zeros(1))
    model = nn.ParameterList([weight])
    average = WeightAverage(model, decay=0.5)
    with average.applied():
        assert float(weight.detach()) == 0, "before the first step there is nothing to average"
    for value in (1.0, 2.0, 4.0):
        average.before_step()
        with torch.no_grad():
            weight.fill_(value)
        average.after_step()
    with average.applied():
        assert float(weight.detach()) == pytest.approx((0.25 * 1 + 0.5 * 2 + 4) / 1.75)
    assert float(weight.detach()) == 4


def test_a_saved_average_goes_on_bit_for_bit():
    model, own, _ = averaged([[0, 1], [2], [0]], 0.9, sparse=True)
    other = WeightAverage(model, 0.9)
    other.load_state_dict(deepcopy(own.state_dict()))
    found = []
    for average in (own, other):
        model.table.weight.grad = torch.sparse_coo_tensor(
            [[1, 1]], torch.ones(2, 2), (N_ROWS, 2), check_invariants=True
        )
        average.before_step()
        average.after_step()
        with average.applied():
            found.append(deepcopy(model.state_dict()))
    assert all(torch.equal(value, found[1][name]) for name, value in found[0].items())


class Products(Model):
    """Products of vectors, of tables in any scheme."""

    def __init__(self, schema, scheme):
        super().__init__()
        start = InitialValues({field.name: None for field in schema.fields})
        self.embeddings = EmbeddingCollection(schema, scheme, start)

    def forward(self, batch):
        vectors = self.embeddings(batch)
        return (vectors[:, 0] * vectors[:, 1:].sum(1)).sum(1)


SCHEMES = {
    "full": Full(dim=4),
    "codes": HashCode(dim=4, ratio=2),
    "quantised": Quantised(dim=8, ratio=4),
    "searched bits": MixedPrecision(dim=4, ratio=4, search_epochs=1),
    "searched entries": Pep(dim=4, ratio=4, search_epochs=1),
}


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES.keys())
def test_what_is_validated_is_what_is_kept_whatever_the_tables(log, scheme, lazy):
    model = Products(log.schema, scheme)
    options = {"averaging": "ema", "learning_rate": 0.02, "batch_size": 500, "max_epochs": 2, "lazy_tables": lazy}
    result = fit_after_search(Fit(**options), model, log, log.rows("train"), torch.Generator().manual_seed(0))
    assert HeldOutRows(log, "validation").metrics(model) == result.validation


def test_averages_count_as_memory_of_the_optimiser(log):
    found = {}
    for averaging in ("none", "ema"):
        model = Products(log.schema, Full(dim=4))
        fitting = Fit(averaging=averaging, max_epochs=1, batch_size=2000)
        result = fitting(model, log, log.rows("train"), torch.Generator().manual_seed(0))
        found[averaging] = result.optimizer_bytes
    weights = sum(weight.nbytes for weight in model.parameters())
    assert found["ema"] - found["none"] == weights
