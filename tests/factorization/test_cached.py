import pytest
import torch

from cadc.data.thinning import thinned
from cadc.errors import UsageError
from cadc.factorization.als import ALS
from cadc.factorization.cached import factorize
from cadc.factorization.fitted_rows import fit_factors
from cadc.factorization.logistic import LogisticMF
from tests.support.helpers import small_synthetic_log


class Counted(LogisticMF):
    """Logistic MF that counts how often it is fitted."""

    n_fits = 0

    def fit(self, log, rows, dim):
        Counted.n_fits += 1
        return super().fit(log, rows, dim)


@pytest.fixture(autouse=True)
def _from_zero(monkeypatch, empty_cache):
    monkeypatch.setattr(Counted, "n_fits", 0)


def quick(**options):
    return Counted(max_epochs=1, **options)


def test_same_factorisation_is_done_once_and_read_back_bit_by_bit():
    log = small_synthetic_log()
    first, cost = factorize(quick(), log, log.rows("train"), 3)
    second, cost_again = factorize(quick(), log, log.rows("train"), 3)
    assert Counted.n_fits == 1
    assert torch.equal(first.vectors["user"], second.vectors["user"])
    assert torch.equal(first.biases["item"], second.biases["item"])
    assert cost_again == cost
    ((key, taken),) = cost.items()
    assert key
    assert taken["seconds"] > 0
    assert taken["epochs"] == 1


class Instant(Counted):
    """A factorisation that takes no time worth a measurement."""

    def fit(self, log, rows, dim):
        factors, _ = super().fit(log, rows, dim)
        return factors, {"seconds": 0.0, "epochs": 1}


def test_record_of_the_cache_does_not_depend_on_the_clock():
    log = small_synthetic_log()
    costs = [factorize(Instant(max_epochs=1), log, log.rows("train"), 3)[1] for _ in range(2)]
    assert [list(cost.values()) for cost in costs] == [[{"seconds": 0.0, "epochs": 1}]] * 2
    assert Instant.n_fits == 1


def test_first_result_equals_a_fit_without_cache():
    log = small_synthetic_log()
    cached, _ = factorize(quick(), log, log.rows("train"), 3)
    direct, _ = quick().fit(log, log.rows("train"), 3)
    assert torch.equal(cached.vectors["item"], direct.vectors["item"])


@pytest.mark.parametrize(
    "other",
    [
        lambda log: factorize(quick(), log, log.rows("train"), 4),
        lambda log: factorize(quick(l2=1.0), log, log.rows("train"), 3),
        lambda log: factorize(quick(seed=1), log, log.rows("train"), 3),
        lambda log: factorize(quick(), log, log.rows("train")[:-1], 3),
        lambda log: factorize(quick(), small_synthetic_log(seed=1), log.rows("train"), 3),
    ],
)
def test_other_length_option_rows_or_data_are_factorised_anew(other):
    log = small_synthetic_log()
    first, _ = factorize(quick(), log, log.rows("train"), 3)
    second, _ = other(log)
    assert Counted.n_fits == 2
    assert not torch.equal(first.vectors["item"], second.vectors["item"])


def test_length_given_as_an_option_or_by_the_table_is_one_factorisation():
    log = small_synthetic_log()
    factorize(quick(), log, log.rows("train"), 3)
    factorize(quick(dim=3), log, log.rows("train"), 3)
    assert Counted.n_fits == 1


def test_failed_factorisation_leaves_no_folder(empty_cache):
    log = small_synthetic_log()
    with pytest.raises(Exception, match="NaN"):
        factorize(Counted(learning_rate=1e38, solver="adam"), log, log.rows("train"), 3)
    assert not any((empty_cache / "factors").iterdir())


@pytest.mark.parametrize(
    ("fixed", "table", "extra", "expected"),
    [
        (None, 16, 0, 16),
        (None, 16, 2, 14),
        (None, None, 0, 16),
        (8, None, 0, 8),
        (0, None, 0, 0),
        (14, 16, 2, 14),
    ],
)
def test_length_of_factors_follows_the_table_or_the_option(fixed, table, extra, expected):
    assert LogisticMF(dim=fixed).dim_for(table, extra) == expected


def test_lengths_that_do_not_fit_are_both_named_with_the_way_out():
    with pytest.raises(UsageError) as error:
        LogisticMF(dim=8).dim_for(16)
    for text in ("factorization.dim is 8", "embedding.dim 16", "factorization.dim=16", "embedding.dim=8"):
        assert text in str(error.value)
    with pytest.raises(UsageError, match=r"factorization\.dim=14, or embedding\.dim=10"):
        LogisticMF(dim=8).dim_for(16, 2)
    with pytest.raises(UsageError):
        LogisticMF(dim=0).dim_for(16)


def test_table_too_narrow_for_its_extra_columns_is_a_usage_error():
    with pytest.raises(UsageError):
        LogisticMF().dim_for(1, 2)


def test_a_thinned_validation_part_is_all_that_a_factorisation_reads():
    log = small_synthetic_log()
    read = []

    class Watched(LogisticMF):
        def fit(self, log, rows, dim, validation=None):
            read.append(validation)
            return super().fit(log, rows, dim, validation)

    fits = [
        fit_factors(Watched(max_epochs=1), log, 3, "full", torch.arange(0), 0, validation_rate=rate)
        for rate in (1.0, 0.25)
    ]
    n_rows = log.n_rows("validation")
    assert read[0] is None
    assert torch.equal(read[1], thinned(log.rows("validation"), 0.25))
    assert [fitted.n_validation for fitted in fits] == [n_rows, round(0.25 * n_rows)]
    assert len({key for fitted in fits for key in fitted.cost}) == 2


def test_a_solver_that_reads_no_validation_is_done_once_whatever_is_left_of_it():
    log = small_synthetic_log()
    fits = [fit_factors(ALS(), log, 3, "full", torch.arange(0), 0, validation_rate=rate) for rate in (1.0, 0.25)]
    assert [fitted.n_validation for fitted in fits] == [0, 0]
    assert len({key for fitted in fits for key in fitted.cost}) == 1
