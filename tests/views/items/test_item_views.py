"""Views that weigh what a user held of other items: item neighbours and EASE on residuals."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from cadc.data.prepare import prepare
from cadc.data.sources.synthetic import Synthetic
from cadc.data.split import RandomSplit
from cadc.errors import DataError, UsageError
from cadc.testing import small_log
from cadc.views.evidence import Evidence
from cadc.views.histories import KnownRows
from cadc.views.items.ease import EASEView
from cadc.views.items.ease_weights import ease_weights
from cadc.views.items.item_neighbours import ItemNeighbours
from cadc.views.items.packed_weights import pack_weights, unpack_weights
from cadc.views.items.residuals import column_read, fit_residuals, history_residuals
from cadc.views.views import FittedPart, Views


@pytest.fixture(scope="module")
def evidence():
    log = small_log()
    return Evidence(log, log.rows("train")[::2])


def numbers_of(view, evidence):
    """What the view fitted, and its numbers for the first test rows, as a model computes them."""
    fitted = view.fit(evidence)
    known = KnownRows.of_rows(evidence.log, evidence.rows, view.history_columns(fitted))
    module = Views({"own": view}, [FittedPart({"own": fitted}, known)], evidence.log.schema)
    return fitted, module.of_rows(evidence.log, evidence.log.rows("test")[:40])


def naive_histories(evidence, of):
    """For each test row its item, and the item and residual of each of its user's rows."""
    residuals = evidence.residuals(of)
    test = evidence.log.rows("test")[:40]
    users, items = (evidence.log.field_ids(name, test).tolist() for name in ("user", "item"))
    for user, item in zip(users, items, strict=True):
        own = evidence.users == user
        yield item, list(zip(evidence.items[own].tolist(), residuals[own].tolist(), strict=True))


@pytest.mark.parametrize("of", ["rating", "label"])
def test_the_score_is_a_shrunk_mean_of_residuals_weighed_by_powers_of_similarity(evidence, of):
    fitted, numbers = numbers_of(ItemNeighbours(of=of, power=2.5, prior=0.3, k=30), evidence)
    kept = unpack_weights(fitted)
    values, columns, first = (own.int().numpy() for own in (kept.sources, kept.sources, kept.first))
    values = kept.values.numpy()
    similarity = csr_array((values, columns, first), shape=(evidence.n_items,) * 2).toarray()
    assert (np.diff(first)[1:] == 30).all()
    for (score, support), (item, history) in zip(numbers.tolist(), naive_histories(evidence, of), strict=True):
        weights = [np.sign(similarity[item, other]) * abs(similarity[item, other]) ** 2.5 for other, _ in history]
        total = sum(abs(weight) for weight in weights)
        held = sum(weight * residual for weight, (_, residual) in zip(weights, history, strict=True))
        assert score == pytest.approx(held / (total + 0.3), abs=2e-3)
        assert support == pytest.approx(np.log1p(total), abs=1e-4)


def test_ease_sums_residuals_by_the_weights_of_a_ridge_regression(evidence):
    _, numbers = numbers_of(EASEView(l2=10.0, top_k=evidence.n_items, most_items=evidence.n_items), evidence)
    residuals = evidence.matrix(evidence.residuals("rating"))
    weights = ease_weights(residuals, 10.0 * float((residuals.data**2).mean())).numpy()
    expected = [
        sum(weights[other, item] * held for other, held in history)
        for item, history in naive_histories(evidence, "rating")
    ]
    np.testing.assert_allclose(numbers[:, 0].numpy(), expected, atol=0.05 * np.std(expected))


def test_items_with_few_rows_are_not_weighed_by_ease(evidence):
    fitted, _ = numbers_of(EASEView(most_items=20, top_k=5), evidence)
    lengths = fitted["first"].diff()
    most = evidence.item_counts.argsort(descending=True, stable=True)[:20]
    assert (lengths[most] == 5).all() and lengths.sum() == 100
    assert set(fitted["sources"].tolist()) <= set(most.tolist())


@pytest.mark.parametrize("of", ["rating", "label"])
def test_a_history_has_the_residuals_of_its_rows_without_a_saved_bias_of_its_user(evidence, of):
    _, arrays = fit_residuals(evidence, of)
    known = KnownRows.of_rows(evidence.log, evidence.rows, [of])
    histories = known.of_users(torch.arange(evidence.n_users))
    order = np.lexsort([evidence.rows.numpy(), evidence.times.numpy(), evidence.users.numpy()])
    expected = evidence.residuals(of)[order]
    assert column_read(arrays) == of
    # Item biases are saved in 16 bits.
    torch.testing.assert_close(history_residuals(arrays, histories), expected, atol=2e-3, rtol=0)


def test_logs_without_ratings_have_residuals_of_labels():
    log = prepare(Synthetic(n_rows=2000, n_users=30, n_items=20), RandomSplit())
    evidence = Evidence(log, log.rows("train"))
    for view in (ItemNeighbours(), EASEView()):
        assert view.history_columns(view.fit(evidence)) == ("label",)
    for view in (ItemNeighbours(of="rating"), EASEView(of="rating")):
        with pytest.raises(DataError, match="rating"):
            view.fit(evidence)


@pytest.mark.parametrize(
    "cls, options, words",
    [
        (ItemNeighbours, {"of": "score"}, r"views\.item_neighbours\.of is 'score'; expected auto, rating or label"),
        (ItemNeighbours, {"k": 0}, r"views\.item_neighbours\.k is 0"),
        (ItemNeighbours, {"shrinkage": -1.0}, r"views\.item_neighbours\.shrinkage is -1\.0"),
        (ItemNeighbours, {"prior": 0.0}, r"views\.item_neighbours\.prior"),
        (EASEView, {"l2": 0.0}, r"views\.ease\.l2"),
        (EASEView, {"top_k": 0}, r"views\.ease\.top_k is 0"),
    ],
)
def test_options_outside_their_range_are_refused(cls, options, words):
    with pytest.raises(UsageError, match=words):
        cls(**options)


def test_packed_weights_are_off_by_half_a_step_of_their_item_at_most():
    rng = np.random.default_rng(0)
    dense = (rng.normal(size=(30, 30)) * (rng.random((30, 30)) < 0.4) * 10.0 ** rng.integers(-3, 2, (30, 1))).astype(
        "f"
    )
    dense[3] = 0
    packed = pack_weights(csr_array(dense))
    assert {name: array.dtype for name, array in packed.items()} == {
        "first": torch.int32,
        "sources": torch.uint16,
        "values": torch.int8,
        "largest": torch.float16,
    }
    found = unpack_weights(packed)
    parts = (found.values.numpy(), found.sources.int().numpy(), found.first.numpy())
    error = np.abs(csr_array(parts, shape=(30, 30)).toarray() - dense).max(1)
    # A little more than half a step, since the largest value is rounded to 16 bits.
    assert (error <= 0.57 * np.abs(dense).max(1) / 127).all()
