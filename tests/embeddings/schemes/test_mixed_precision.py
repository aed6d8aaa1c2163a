"""Mixed precision: what is given out, what is packed, and a fit that is killed on its way."""

import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cadc.data.schema import Field
from cadc.embeddings.base.scheme import TableSpec
from cadc.embeddings.base.statistics import Statistics
from cadc.embeddings.base.table_file import file_bytes, read_table, write_table
from cadc.embeddings.collection import EmbeddingCollection
from cadc.embeddings.fitting.bit_search import WIDTHS
from cadc.embeddings.initialization import InitialValues
from cadc.embeddings.schemes.mixed_precision import MixedPrecision, MixedPrecisionTable
from cadc.errors import UsageError
from cadc.models.dlrm import DLRM
from cadc.training.checkpoints import CheckpointFolder
from cadc.training.fit import Fit
from cadc.training.search import fit_after_search
from tests.embeddings.support.naive import quantised
from tests.support.helpers import small_synthetic_log

FIELDS = (Field("user", "user", 300), Field("item", "item", 200))
N, DIM = 500, 6
COUNTS = (1000 / (1 + torch.randperm(N, generator=torch.Generator().manual_seed(4)))).long()


def spec(budget):
    counts = dict(zip(("user", "item"), COUNTS.split([300, 200]), strict=True))
    return TableSpec(FIELDS, budget, False, Statistics(counts))


def target(scale=0.1):
    generator = torch.Generator().manual_seed(0)
    return scale * torch.randn(N, DIM, generator=generator) * COUNTS.unsqueeze(1).float().log1p()


def started(budget, **options):
    table = MixedPrecision(dim=DIM, **options).table(spec(budget))
    table.initialise_from(target().split([300, 200]), [COUNTS[:300] + 1, COUNTS[300:] + 1])
    return table


def assert_same(one, other):
    assert one.serving().keys() == other.serving().keys()
    assert all(torch.equal(value, other.serving()[name]) for name, value in one.serving().items())


@settings(max_examples=8, deadline=None)
@given(st.integers(500, 9000), st.integers(0, 3), st.booleans())
def test_the_file_keeps_within_the_budget_and_leaves_but_a_few_bytes_of_it(budget, seed, is_centred):
    scheme = MixedPrecision(dim=DIM, groups=16)
    own = spec(budget)
    try:
        table = scheme.table(TableSpec(own.fields, budget, is_centred, own.statistics))
    except UsageError:
        assume(False)
    table.initialise_from(target().split([300, 200]))
    with torch.no_grad():
        table.search.preferences.normal_(0, 0.003, generator=torch.Generator().manual_seed(seed))
    assert len(file_bytes(table)) <= budget, "while it searches, too"
    table.settle()
    size = len(file_bytes(table))
    assert size <= budget
    if int(table.widths.min()) < WIDTHS[-1]:
        # Less than a row takes, the filling at the end of the header, what widths would take that no row has got, and
        # the bit a row by which the map of widths grows where one more of them is met.
        assert size > budget - DIM * WIDTHS[-1] / 8 - 8 - 5 * len(WIDTHS) - table.n_rows / 8


def test_rows_are_decoded_as_the_formula_says(tmp_path):
    table = started(1800)
    table.settle()
    table.eval()
    write_table(table, tmp_path / "table")
    again = read_table(tmp_path / "table")
    found = again.reconstruct().numpy()
    assert again.search is None and not list(again.parameters())
    widths, steps = table.widths.tolist(), table.log_steps.exp().detach().numpy()
    assert len(set(widths)) > 1
    for row in range(0, N, 7):
        for column in range(DIM):
            w, beta = float(table.weight[row, column].detach()), float(table.offset[column].detach())
            expected = quantised(w, beta, float(steps[widths[row]]), widths[row])
            assert found[row, column] == pytest.approx(expected, abs=1e-6)
    assert np.array_equal(found, table.reconstruct().numpy())


def test_frequent_rows_get_more_bits_and_those_that_want_none_get_them_last():
    table = started(1800)
    table.settle()
    frequent, rare = COUNTS.argsort(descending=True)[:100], COUNTS.argsort()[:100]
    assert table.widths[frequent].float().mean() > 1 + table.widths[rare].float().mean()
    shy = started(1800)
    with torch.no_grad():
        shy.search.preferences[0, 0] = 1  # all of its share at 0 bits
    first = shy.search.group == 0
    shy.settle()
    assert table.widths[first].float().mean() > shy.widths[first].float().mean()


def test_what_is_settled_begins_at_the_start_with_steps_of_its_own_rows():
    table = started(1800)
    with torch.no_grad():
        table.weight.add_(1)
        table.offset.add_(1)
    table.settle()
    assert torch.equal(table.weight, target())
    assert not table.offset.any()
    assert table.search is None and not table.search_epochs and not table.penalises
    for bits in set(table.widths.tolist()) - {0}:
        own = table.widths == bits
        steps = torch.linspace(0.7, 1.4, 29) * table.log_steps[bits].exp()
        half = 2 ** (bits - 1)
        mass = (COUNTS[own] + 1).unsqueeze(1)

        def error(step, values=table.weight[own], half=half, mass=mass):
            return float((((values / step).round().clamp(-half, half - 1) * step - values).square() * mass).sum())

        assert error(steps[12]) <= 1.1 * min(map(error, steps))


def test_psnr_is_of_what_is_served_at_the_settled_bits():
    table = started(1800)
    table.settle()
    squared = float((table.reconstruct() - target()).double().square().mean())
    peak = float(target().max() - target().min())
    assert table.psnr == pytest.approx(10 * math.log10(peak**2 / squared), abs=1e-3)


def test_a_new_table_takes_settled_tensors_of_other_shapes():
    table = started(1800)
    with torch.no_grad():
        table.search.preferences[5, 0] = 1
    table.settle()
    table.eval()
    other = started(1800)
    assert {name: value.shape for name, value in other.serving().items()} != {
        name: value.shape for name, value in table.serving().items()
    } or not torch.equal(other.serving()["kinds"], table.serving()["kinds"])
    other.load_serving(table.serving())
    assert torch.equal(other.eval().reconstruct(), table.reconstruct())
    assert_same(other, table)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("widths", torch.tensor([9], dtype=torch.uint8), "widths is"),
        ("widths", torch.tensor([0, 3, 0, 3], dtype=torch.uint8), "widths is"),
        ("widths", torch.zeros(0, dtype=torch.uint8), "widths is"),
        ("kinds", torch.full((1000,), 255, dtype=torch.uint8), "kinds|codes"),
        ("codes", torch.zeros(5, dtype=torch.uint8), "codes is"),
        ("steps", torch.zeros(5, 5), "steps is"),
    ],
)
def test_tensors_that_do_not_agree_are_refused(name, value, said):
    table = started(1800)
    table.settle()
    with pytest.raises(ValueError, match=said):
        started(1800).load_serving(table.serving() | {name: value})


@pytest.fixture(scope="module")
def log():
    return small_synthetic_log(n_users=300, n_items=400)


def fit_dlrm(log, folder=None):
    scheme = MixedPrecision(dim=4, ratio=5.0, small=50, search_epochs=2, groups=4, penalty=1e-3)
    generator = torch.Generator().manual_seed(2)
    starts = {
        field.name: 0.05 * torch.randn(field.vocabulary_size, 4, generator=generator) for field in log.schema.fields
    }
    tables = EmbeddingCollection(log.schema, scheme, InitialValues(starts, statistics=Statistics.of(log)))
    model = DLRM(tables, len(log.schema.dense), generator, None, log.schema, None, top_mlp=(8,))
    fitting = Fit(max_epochs=3, batch_size=1000, learning_rate=0.01, progress=False)
    shuffle = torch.Generator().manual_seed(3)
    result = fit_after_search(fitting, model, log, log.rows("train"), shuffle, folder)
    (table,) = tables.compressed_tables()
    return table, model, result


class Killed(Exception):
    """Stands for whatever ends a process."""


@pytest.mark.parametrize("after", [1, 2, 3, 4])
def test_a_fit_that_is_killed_in_the_search_or_after_it_ends_the_same(log, tmp_path, monkeypatch, after):
    table, model, result = fit_dlrm(log)
    assert isinstance(table, MixedPrecisionTable) and table.search is None
    assert result.epochs == 5
    saved, save = [], CheckpointFolder.save

    def save_and_die(self, write):
        save(self, write)
        saved.append(self.folder)
        if len(saved) == after:
            raise Killed

    monkeypatch.setattr(CheckpointFolder, "save", save_and_die)
    with pytest.raises(Killed):
        fit_dlrm(log, tmp_path / "checkpoints")
    monkeypatch.undo()
    assert (saved[-1].name == "search") == (after <= 2)
    again, resumed, other = fit_dlrm(log, tmp_path / "checkpoints")
    assert_same(again, table)
    assert other.history == result.history
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), resumed.parameters(), strict=True))
