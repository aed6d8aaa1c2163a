"""What a table of every scheme of conf/embedding starts from: random values, or the best approximation of a target."""

import pytest
import torch

from cadc.embeddings.base.table_file import file_bytes
from cadc.errors import UsageError
from tests.embeddings.support.schemes import (
    ALL,
    DIM,
    EACH_CHOICE,
    FULL,
    WITH_BUDGET,
    fields,
    known,
    n_rows,
    random_table,
    ready,
    smallest,
    table_of,
)


def targets(seed=0):
    """Dense targets of all fields, of a few directions, some noise and a mean that is not zero."""
    generator = torch.Generator().manual_seed(seed)
    basis = torch.randn(3, DIM, generator=generator)
    return [
        0.3 * torch.randn(field.vocabulary_size, 3, generator=generator) @ basis
        + 0.1 * torch.randn(field.vocabulary_size, DIM, generator=generator)
        + 0.2 * torch.randn(DIM, generator=generator)
        for field in fields()
    ]


def weights():
    return [known().counts[field.name] + 1 for field in fields()]


def weighted_error(table, wanted):
    squared = (table.reconstruct().double() - torch.cat(wanted)).square().sum(1)
    return float((squared * torch.cat(weights())).sum())


class TestStart:
    @EACH_CHOICE
    @pytest.mark.parametrize("centred", [False, True])
    def test_from_a_target_is_better_than_from_random_values_and_than_zero(self, name, centred):
        wanted = targets()
        table = table_of(name, centred=centred)
        std = float(torch.cat(wanted).std())
        dense = [std * torch.randn(len(own), DIM, generator=torch.Generator().manual_seed(7)) for own in wanted]
        table.initialise_from(dense if table.holds_rows else [None] * len(wanted), weights(), std)
        at_random = weighted_error(table, wanted)
        table.initialise_from(wanted, weights(), std)
        found = weighted_error(table, wanted)
        assert found <= at_random
        means = [(own * w.unsqueeze(1)).sum(0) / w.sum() for own, w in zip(wanted, weights(), strict=True)]
        around = [own - mean if centred else own for own, mean in zip(wanted, means, strict=True)]
        zero = float((torch.cat(around).double().square().sum(1) * torch.cat(weights())).sum())
        assert found <= zero * (1 + 1e-6)

    @WITH_BUDGET
    def test_from_a_target_is_no_worse_with_more_bytes_and_near_where_all_rows_fit(self, name):
        wanted, full = targets(), FULL * n_rows()
        errors = []
        for budget in (full // 12, full // 3, 2 * full):
            try:
                table = table_of(name, budget)
            except UsageError as error:
                table = table_of(name, smallest(error))
            table.initialise_from(wanted, weights())
            errors.append(weighted_error(table, wanted))
        zero = float((torch.cat(wanted).double().square().sum(1) * torch.cat(weights())).sum())
        assert errors[2] <= 1.02 * errors[0]
        assert errors[2] < 0.7 * zero
        if table.holds_rows:
            assert errors[2] < 0.05 * zero

    @ALL
    def test_from_targets_of_some_fields_leaves_the_others_random(self, name):
        wanted = targets()
        table = table_of(name)
        std = 0.25
        dense = [std * torch.randn(len(own), DIM, generator=torch.Generator().manual_seed(7)) for own in wanted]
        given = [own if index % 2 == 0 else None for index, own in enumerate(wanted)]
        if table.holds_rows:
            given = [own if own is not None else dense[index] for index, own in enumerate(given)]
        table.initialise_from(given, weights(), std, torch.Generator().manual_seed(0))
        assert table.reconstruct().isfinite().all()
        assert table.psnr is None or 0 < table.psnr < 400

    @ALL
    def test_psnr_is_that_of_the_target(self, name):
        wanted = targets()
        table = table_of(name)
        table.initialise_from(wanted, weights())
        dense = torch.cat(wanted).double()
        squared = float((table.reconstruct().double() - dense).square().mean())
        if squared == 0:
            assert table.psnr is None
        else:
            peak = float(dense.max() - dense.min())
            assert table.psnr == pytest.approx(float(10 * torch.tensor(peak**2 / squared).log10()), abs=1e-3)
        table.initialise_from([None] * len(wanted)) if not table.holds_rows else None
        assert table.holds_rows or table.psnr is None

    @ALL
    def test_at_random_has_about_the_standard_deviation_that_is_asked_for(self, name):
        table = random_table(name, std=0.2).eval()
        found = table.reconstruct()
        if name.startswith("row_dimension"):  # zero beyond the length of a row
            found = found[found != 0]
            assert len(found) > table.n_rows * DIM / 10
        assert float(found.std()) == pytest.approx(0.2, rel=0.4)

    @ALL
    def test_is_the_same_for_a_generator_and_another_for_another(self, name):
        one, again, other = (random_table(name, seed=seed) for seed in (5, 5, 6))
        assert file_bytes(one) == file_bytes(again)
        assert not torch.equal(one.reconstruct(), other.reconstruct())
        before = torch.random.get_rng_state()
        ready(name)
        assert torch.equal(torch.random.get_rng_state(), before), "the global generator is left alone"

    @ALL
    def test_from_a_target_of_another_shape_is_an_error(self, name):
        table = table_of(name)
        wanted = targets()
        for wrong in (wanted[3][:-1], wanted[3][:, :-1], wanted[3][0], wanted[3].unsqueeze(0)):
            with pytest.raises(ValueError, match=f"the target of {fields()[3].name} has the shape"):
                table.initialise_from([*wanted[:3], wrong, *wanted[4:]])
        with pytest.raises(ValueError):
            table.initialise_from(wanted[:-1])
