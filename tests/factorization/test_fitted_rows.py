"""Which training rows a factorisation reads: those that the network does not train on, or all, fold by fold."""

import numpy as np
import pytest
import torch

from cadc.data.prepare import prepare
from cadc.data.schema import UNKNOWN
from cadc.data.sources.criteo import Criteo
from cadc.data.split.random import RandomSplit
from cadc.errors import UsageError
from cadc.factorization.crossfit import CrossFitted, assign_folds, complement
from cadc.factorization.fitted_rows import fit_factors
from cadc.factorization.fm import FactorizationMachine
from cadc.factorization.logistic import LogisticMF
from cadc.randomness import numpy_generator
from tests.data.small_sources import write_criteo
from tests.support.commands import TINY, cadc, train
from tests.support.helpers import small_synthetic_log

pytestmark = pytest.mark.usefixtures("empty_cache")


def quick():
    return LogisticMF(max_epochs=2, learning_rate=0.03)


def fitted(log, which, sample=None, folds=3, unit="row"):
    return fit_factors(quick(), log, 4, which, torch.arange(0) if sample is None else sample, folds, unit=unit)


def with_flipped_labels(rows, **options):
    """Return the log with the labels of some rows turned round."""
    log = small_synthetic_log(**options)
    labels = log._columns["label"].clone()
    labels[rows] = 1 - labels[rows]
    log._columns["label"] = labels
    log.meta["content_hash"] = f"flipped-{rows.sum()}"
    return log


def same(one, other):
    return all(torch.equal(one.vectors[name], other.vectors[name]) for name in one.fields) and all(
        torch.equal(one.biases[name], other.biases[name]) for name in one.fields
    )


def test_the_complement_knows_nothing_of_the_labels_in_the_sample():
    log, sample = small_synthetic_log(), torch.arange(0, 4000, 9)
    changed = with_flipped_labels(sample)
    one, other = (fitted(which, "complement", sample) for which in (log, changed))
    assert same(one.factors, other.factors)
    assert not same(fitted(log, "full").factors, fitted(changed, "full").factors)


@pytest.mark.parametrize("unit", ["row", "pair"])
@pytest.mark.parametrize("n_seen", [9, 4])
def test_users_and_items_that_only_the_sample_holds_are_counted(n_seen, unit):
    log = small_synthetic_log()
    users, items = log.column("user", "train").tolist(), log.column("item", "train").tolist()
    sample = [row for row, user in enumerate(users) if user < n_seen or row % 9 == 0]
    pairs = {(users[row], items[row]) for row in sample}
    fitted_rows = [row for row in range(len(users)) if (users[row], items[row]) not in pairs]
    if unit == "row":
        fitted_rows = sorted(set(range(len(users))) - set(sample))
    found = fitted(log, "complement", torch.tensor(sample), unit=unit)
    assert found.n_rows == len(fitted_rows)
    for name, column in (("user", users), ("item", items)):
        only = {column[row] for row in sample} - {column[row] for row in fitted_rows} - {UNKNOWN}
        assert found.n_absent[name] == len(only)
    # The sample holds all rows of the first users.
    assert found.n_absent["user"] >= n_seen - 1
    assert not fitted(log, "full").n_absent


def test_the_complement_by_rows_is_every_row_outside_the_sample():
    log, sample = small_synthetic_log(), torch.arange(0, 4000, 9)
    expected = [row for row in log.rows("train").tolist() if row % 9 or row >= 4000]
    assert complement(log, sample, "row").tolist() == expected
    for row in set(expected[:40:10]):
        flipped = with_flipped_labels(torch.tensor([row]))
        assert not same(fitted(log, "complement", sample).factors, fitted(flipped, "complement", sample).factors)


def test_the_complement_by_pairs_has_no_row_of_a_user_and_item_in_the_sample():
    log, sample = small_synthetic_log(), torch.arange(0, 4000, 9)
    pairs = list(zip(log.column("user", "train").tolist(), log.column("item", "train").tolist(), strict=True))
    sampled = {pairs[row] for row in sample.tolist()}
    repeated = torch.tensor([pair in sampled for pair in pairs])
    assert repeated.sum() > len(sample), "some of its pairs have other rows"
    one, other = (
        fitted(which, "complement", sample, unit="pair")
        for which in (log, with_flipped_labels(repeated.nonzero()[:, 0]))
    )
    assert one.n_rows == log.n_rows("train") - int(repeated.sum())
    assert same(one.factors, other.factors)


@pytest.mark.parametrize("unit", ["row", "pair"])
def test_the_complement_of_a_log_without_users_is_all_other_rows(tmp_path, monkeypatch, unit):
    write_criteo(tmp_path / "criteo", 1000)
    monkeypatch.setenv("CADC_DATA_DIR", str(tmp_path))
    log = prepare(Criteo(min_count=3), RandomSplit())
    machine = FactorizationMachine(max_epochs=1)
    found = fit_factors(machine, log, 2, "complement", torch.arange(100), 0, unit=unit)
    assert found.n_rows == log.n_rows("train") - 100


def test_ids_outside_the_complement_have_the_zero_vector_and_the_mean_bias():
    log = small_synthetic_log()
    of_two = torch.isin(log.entity_rows("user", log.rows("train")), torch.tensor([3, 7], dtype=torch.int32))
    sample = log.rows("train")[of_two]
    factors = fitted(log, "complement", sample).factors
    assert torch.equal(factors.vectors["user"][[3, 7]], torch.zeros(2, 4))
    rest = [number for number in range(1, len(factors.biases["user"])) if number not in (3, 7)]
    torch.testing.assert_close(factors.biases["user"][[3, 7]], factors.biases["user"][rest].mean().expand(2))
    assert (factors.vectors["user"][rest] != 0).any(1).all()


@pytest.mark.parametrize("unit", ["row", "pair"])
def test_a_complement_of_nothing_is_refused(unit):
    log = small_synthetic_log()
    with pytest.raises(UsageError, match=rf"every {unit}.*sampler\.rate.*factorization_rows=crossfit"):
        fitted(log, "complement", log.rows("train"), unit=unit)


def test_each_row_has_factors_that_were_fitted_without_it():
    log = small_synthetic_log()
    found = fitted(log, "crossfit").factors
    assert isinstance(found, CrossFitted)
    for fold in range(3):
        rows = torch.nonzero(found.fold == fold)[:, 0]
        other = fitted(with_flipped_labels(rows), "crossfit").factors
        assert same(found.parts[fold], other.parts[fold])
        assert not any(same(found.parts[k], other.parts[k]) for k in range(3) if k != fold)


def test_folds_by_row_are_equal_in_size_and_may_part_pairs():
    log = small_synthetic_log(n_rows=20000)
    fold = assign_folds(log, 5, "row", numpy_generator(0, "folds")).numpy()
    sizes = np.bincount(fold)
    assert sizes.sum() == log.n_rows("train") and sizes.max() - sizes.min() <= 1
    pairs = set(zip(log.column("user", "train").tolist(), log.column("item", "train").tolist(), strict=True))
    of_pair = zip(
        log.column("user", "train").tolist(), log.column("item", "train").tolist(), fold.tolist(), strict=True
    )
    assert len(set(of_pair)) > len(pairs)


def test_folds_by_pair_are_equal_in_size_and_repeated_pairs_share_one():
    log = small_synthetic_log(n_rows=20000)
    fold = assign_folds(log, 5, "pair", numpy_generator(0, "folds"))
    pairs = {}
    for user, item, number in zip(
        log.column("user", "train").tolist(), log.column("item", "train").tolist(), fold.tolist(), strict=True
    ):
        pairs.setdefault((user, item), set()).add(number)
    assert len(pairs) < len(fold)
    assert all(len(numbers) == 1 for numbers in pairs.values())
    sizes = np.bincount([next(iter(numbers)) for numbers in pairs.values()])
    assert sizes.max() - sizes.min() <= 1


@pytest.mark.parametrize(("unit", "units"), [("row", "training rows"), ("pair", "different pairs")])
@pytest.mark.parametrize("n_folds", [1, 100_000])
def test_folds_that_cannot_be_filled_are_refused(n_folds, unit, units):
    with pytest.raises(UsageError, match=rf"it must be from 2 to \d+, the number of {units}"):
        assign_folds(small_synthetic_log(), n_folds, unit, numpy_generator(0, "folds"))


def test_aligned_parts_have_the_same_products_and_lie_closer_together():
    found = fitted(small_synthetic_log(), "crossfit").factors
    aligned = found.aligned()
    for part, turned in zip(found.parts, aligned, strict=True):
        torch.testing.assert_close(
            turned.vectors["user"] @ turned.vectors["item"].T,
            part.vectors["user"] @ part.vectors["item"].T,
            rtol=1e-4,
            atol=1e-5,
        )

    def distance(parts):
        return sum(
            float((part.vectors[name] - parts[0].vectors[name]).square().sum())
            for part in parts
            for name in part.fields
        )

    assert distance(aligned) < distance(found.parts)


@pytest.mark.parametrize(
    ("rows", "unit", "n_rows"),
    # 293 rows beside the sample are of its pairs of user and item.
    [("complement", "row", 1800), ("complement", "pair", 1507), ("crossfit", "row", 2400)],
)
def test_a_residual_network_runs_on_them_and_its_record_says_so(rows, unit, n_rows):
    import json

    words = ("model.residual=true", "initializer=mf_bias", "initializer.freeze=true", "sampler.rate=0.25")
    folder = train(*words, f"factorization_rows={rows}", f"factorization_unit={unit}")
    record = json.loads((folder / "record.json").read_text())
    assert record["rows"] == {
        "kept": 600,
        "full": 2400,
        "factorized": n_rows,
        "validation": 300,
    }
    assert set(record["absent"]) == ({"user", "item"} if rows == "complement" else set())
    assert folder != train(*words)


def test_samplers_that_look_at_labels_are_refused_for_the_complement():
    said = cadc(
        "train", *TINY, "initializer=mf", "sampler=loss_based", "sampler.rate=0.5", "factorization_rows=complement"
    )
    assert said.status == 2
    assert "set factorization_rows=crossfit" in said.sentence
