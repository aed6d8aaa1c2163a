"""Mixed precision: the search for bits, what is given out, and what is packed."""

import math
import os

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cadc.data.schema import Field
from cadc.embeddings.bit_search import WIDTHS, BitSearch
from cadc.embeddings.collection import EmbeddingCollection
from cadc.embeddings.mixed_precision import MixedPrecision, MixedPrecisionTable
from cadc.embeddings.scheme import TableSpec
from cadc.embeddings.statistics import Statistics
from cadc.embeddings.table_file import export, file_bytes, read_table
from cadc.errors import UsageError
from cadc.models.dlrm import DLRM
from cadc.training.checkpoints import CheckpointFolder
from cadc.training.fit import Fit
from cadc.training.search import fit_after_search
from tests.helpers import small_synthetic_log

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


def quantised(w, beta, alpha, bits):
    """One number, as the paper writes it."""
    if bits == 0:
        return 0.0
    return min(max(round((w - beta) / alpha), -(2 ** (bits - 1))), 2 ** (bits - 1) - 1) * alpha + beta


def a_search(n=30, dim=3, groups=4, **options):
    counts = torch.randint(0, 99, (n,), generator=torch.Generator().manual_seed(8))
    search = BitSearch(counts, dim, groups, **({"temperature": 0.5, "penalty": 0.1} | options))
    with torch.no_grad():
        search.preferences.normal_(generator=torch.Generator().manual_seed(1))
        search.log_steps.copy_(torch.linspace(0.4, 0.02, 6).log())
    return search, counts


def test_groups_are_of_rows_of_about_the_same_frequency_and_size():
    search, counts = a_search(n=31)
    sizes = torch.bincount(search.group)
    assert int(sizes.max() - sizes.min()) <= 1
    for first in range(3):
        assert counts[search.group == first].min() >= counts[search.group == first + 1].max()


def test_the_mixture_is_the_naive_sum_over_widths():
    search, _ = a_search()
    rows, beta = torch.tensor([0, 29, 5, 5]), torch.tensor([0.01, 0.0, -0.02])
    values = 0.2 * torch.randn(4, 3, generator=torch.Generator().manual_seed(2))
    found = search.mixture(values, rows, beta)
    p = (search.preferences / 0.5).softmax(1)
    steps = [float(step) for step in search.log_steps.exp()]
    for at, row in enumerate(rows.tolist()):
        for column in range(3):
            expected = sum(
                float(p[search.group[row], bits])
                * quantised(float(values[at, column]), float(beta[column]), steps[bits - 1], bits)
                for bits in range(1, 7)
            )
            assert float(found[at, column]) == pytest.approx(expected, abs=1e-6)


def test_gradients_of_steps_are_learned_step_sizes_scaled_as_in_the_paper():
    search, _ = a_search()
    rows, beta = torch.arange(30), torch.zeros(3)
    values = 0.2 * torch.randn(30, 3, generator=torch.Generator().manual_seed(2))
    search.mixture(values, rows, beta).sum().backward()
    p = (search.preferences / 0.5).softmax(1)[search.group].detach()
    for bits in range(1, 7):
        alpha, low, high = float(search.log_steps[bits - 1].exp()), -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
        of_alpha = 0.0
        for row in range(30):
            for w in values[row].tolist():
                x = w / alpha
                of_alpha += float(p[row, bits]) * (low if x < low else high if x > high else round(x) - x)
        scaled = of_alpha / math.sqrt(2 ** (bits - 1) * 30 * 3)
        # Steps are learned as logarithms, which brings their value as a factor.
        assert float(search.log_steps.grad[bits - 1]) == pytest.approx(scaled * alpha, rel=1e-4, abs=1e-7)


def test_the_penalty_is_on_expected_bits_and_falls_with_frequency():
    search, counts = a_search()
    p = (search.preferences / 0.5).softmax(1)
    occurrences = [float(counts[search.group == group].sum()) for group in range(4)]
    expected = 0.0
    for group in range(4):
        c = max(1.0, occurrences[group] / max(1.0, min(occurrences)))
        expected += sum(0.1 * float(p[group, bits]) * bits for bits in WIDTHS) / c
    assert float(search.loss()) == pytest.approx(expected, rel=1e-5)
    search.loss().backward()
    assert search.preferences.grad.abs().sum() > 0


def test_a_group_wants_the_most_bits_that_have_half_an_even_share():
    search, _ = a_search(temperature=1.0)
    shares = torch.tensor(
        [
            [0.4, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1],
            [0.6, 0.1, 0.1, 0.08, 0.06, 0.05, 0.01],
            [0.94, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01],
            [0.02, 0.9, 0.02, 0.02, 0.02, 0.01, 0.01],
        ]
    )
    with torch.no_grad():
        search.preferences.copy_(shares.log())
    assert search.wanted() == [6, 3, 0, 1]  # 1 / 14 is about 0.071


def test_errors_of_groups_are_those_of_coded_rows_weighed_by_counts():
    search, counts = a_search()
    values = torch.randn(30, 3, generator=torch.Generator().manual_seed(2))
    errors = np.array(search.errors(values))
    of_rows = values.square().sum(1) * (counts + 1)
    np.testing.assert_allclose(errors[:, 0], [of_rows[search.group == own].sum() for own in range(4)], rtol=1e-5)
    total = errors.sum(0)
    assert (np.diff(total) < 0).all()
    assert total[6] < 0.01 * total[0]


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
    export(table, tmp_path / "table")
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
def log(session_cache):
    os.environ["CADC_CACHE"] = str(session_cache)
    return small_synthetic_log(n_users=300, n_items=400)


def fit_dlrm(log, folder=None):
    scheme = MixedPrecision(dim=4, ratio=5.0, small=50, search_epochs=2, groups=4, penalty=1e-3)
    generator = torch.Generator().manual_seed(2)
    starts = {
        field.name: 0.05 * torch.randn(field.vocabulary_size, 4, generator=generator) for field in log.schema.fields
    }
    tables = EmbeddingCollection(log.schema, scheme, starts, statistics=Statistics.of(log))
    model = DLRM(tables, len(log.schema.dense), generator, None, log.schema, top_mlp=(8,))
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
