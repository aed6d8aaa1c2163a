"""Factors of what follows what: against loops and a dense decomposition, and as the start of a model of sequences."""

import math

import numpy as np
import pytest
import torch

from cadc.errors import UsageError
from cadc.testing import check_factorization
from cadc.views.next_item.transition_factors import TransitionFactors
from tests.models.sequence.sequences import items_before
from tests.support.commands import TINY, train


def histories_of(log, rows):
    """The items of each user, by loops."""
    users = log.field_ids("user", rows).tolist()
    one_of_each = {user: place for place, user in enumerate(users) if user}
    found = items_before(log, rows[[*one_of_each.values()]], rows, now=1 << 40)
    return {user: items for user, (items, _) in zip(one_of_each, found, strict=True)}


def naive_pmi(histories, n_items, window, shift):
    counts = np.zeros((n_items, n_items))
    for items in histories.values():
        for place, item in enumerate(items):
            for distance, other in enumerate(items[place + 1 : place + 1 + window], 1):
                counts[item, other] += 1 / distance
                counts[other, item] += 1 / distance
    sums, found = counts.sum(0), np.zeros_like(counts)
    for i, j in zip(*counts.nonzero(), strict=True):
        found[i, j] = max(0.0, math.log(counts[i, j] * sums.sum() / (sums[i] * sums[j])) - math.log(shift))
    return found


@pytest.mark.parametrize(("window", "shift", "decay"), [(1, 1.0, 0.5), (3, 1.3, 1.0)])
def test_products_are_those_of_a_dense_decomposition(log, window, shift, decay):
    rows = log.rows("train")[::3]
    n_items, dim = log.schema["item"].vocabulary_size, 6
    factors, _ = TransitionFactors(window=window, shift=shift, decay=decay, power_iterations=12).fit(log, rows, dim)
    histories = histories_of(log, rows)
    left, values, right = np.linalg.svd(naive_pmi(histories, n_items, window, shift))
    items = factors.vectors["item"].numpy()
    expected = (left[:, :dim] * values[:dim]) @ left[:, :dim].T
    present = sorted({item for own in histories.values() for item in own})
    np.testing.assert_allclose(
        (items @ items.T)[np.ix_(present, present)], expected[np.ix_(present, present)], atol=2e-2
    )
    scores = (left[:, :dim] * values[:dim]) @ right[:dim]
    for user, own in list(histories.items())[:10]:
        weights = [decay**back for back in reversed(range(len(own)))]
        mean = np.average(scores[present][:, own], axis=1, weights=weights)
        np.testing.assert_allclose(items[present] @ factors.vectors["user"][user].numpy(), mean, atol=2e-2)


def test_contract_is_kept():
    check_factorization(TransitionFactors, window=2)


def test_biases_order_items_by_how_often_they_were_taken(log):
    rows = log.rows("train")
    factors, _ = TransitionFactors().fit(log, rows, 2)
    taken = torch.bincount(log.field_ids("item", rows[log.labels(rows) > 0]), minlength=len(factors.biases["item"]))
    seen = taken > 0
    assert torch.equal(factors.biases["item"][seen].argsort(stable=True), taken[seen].argsort(stable=True))


def test_a_model_of_sequences_starts_from_them():
    folder = train(
        *TINY,
        *("data/split=leave_one_out", "model=sasrec", "trainer=ranking", "sampler=users", "sampler.rate=0.5"),
        *("factorization=transitions", "initializer=mf", "initializer.freeze=true", "factorization_rows=complement"),
    )
    assert (folder / "record.json").exists()


def test_options_out_of_range_are_refused():
    with pytest.raises(UsageError, match=r"factorization\.window"):
        TransitionFactors(window=0)
    with pytest.raises(UsageError, match=r"factorization\.decay"):
        TransitionFactors(decay=0.0)
