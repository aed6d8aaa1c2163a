import numpy as np
import pytest
import torch

from cadc.data.prepare import prepare
from cadc.data.split.random import RandomSplit
from cadc.errors import DataError, UsageError
from cadc.factorization import cooccurrence
from cadc.factorization.cooccurrence import CoOccurrence, count, symmetric_vectors
from tests.data.test_prepare import Rows
from tests.support.helpers import decode, small_synthetic_log


def values_of(log, rows, names):
    """For each row and field the shares of its values, *unknown* left out, by loops."""
    raw = decode(log, rows)
    ids = {name: {value: number for number, value in enumerate(log.vocabulary(name).tolist(), 1)} for name in names}
    shares = []
    for row in range(len(rows)):
        of_row = []
        for name in names:
            found = raw[name][row] if log.schema[name].bag else [raw[name][row]]
            of_row.append([(ids[name][value], 1 / len(found)) for value in found if value is not None])
        shares.append(of_row)
    return shares


def naive_pmi(log, rows, names, shift, min_count):
    """Shifted positive PMI of all pairs of values, field after field, dense."""
    sizes = [log.schema[name].vocabulary_size for name in names]
    first = np.cumsum([0, *sizes])
    single, both = np.zeros(first[-1]), np.zeros((first[-1], first[-1]))
    for of_row in values_of(log, rows, names):
        for a, own in enumerate(of_row):
            for i, share in own:
                single[first[a] + i] += share
                for b, others in enumerate(of_row):
                    for j, other in others:
                        if a != b:
                            both[first[a] + i, first[b] + j] += share * other
    pmi = np.zeros_like(both)
    for i, j in zip(*both.nonzero(), strict=True):
        if both[i, j] >= min_count:
            pmi[i, j] = max(0, np.log(both[i, j] * len(rows) / (single[i] * single[j])) - np.log(shift))
    return pmi


@pytest.mark.parametrize(("names", "shift", "min_count"), [(("user", "tags"), 1.0, 0.0), (("item", "hour"), 1.3, 2.0)])
def test_products_of_two_fields_are_the_truncated_svd_of_their_pmi(names, shift, min_count):
    log = small_synthetic_log()
    rows = log.rows("train")[:1500]
    options = {"shift": shift, "min_count": min_count, "power_iterations": 30}
    factors, _ = CoOccurrence(fields=names, **options).fit(log, rows, 6)
    size = log.schema[names[0]].vocabulary_size
    u, s, v = np.linalg.svd(naive_pmi(log, rows, names, shift, min_count)[:size, size:])
    products = factors.vectors[names[0]] @ factors.vectors[names[1]].T
    np.testing.assert_allclose(products, (u[:, :6] * s[:6]) @ v[:6], atol=2e-2)
    for name in names:
        np.testing.assert_allclose(factors.vectors[name].square().sum(0), s[:6], rtol=1e-2)


def test_products_of_all_fields_are_the_nearest_to_their_pmi():
    log = small_synthetic_log()
    rows = log.rows("train")[:1000]
    names = tuple(field.name for field in log.schema.fields)
    values, vectors = np.linalg.eigh(naive_pmi(log, rows, names, 1.0, 1.0))
    for dim in (5, 200):
        factors, _ = CoOccurrence().fit(log, rows, dim)
        assert factors.fields == names
        kept = np.argsort(-values)[:dim]
        expected = (vectors[:, kept] * values[kept].clip(0)) @ vectors[:, kept].T
        found = torch.cat([factors.vectors[name] for name in names])
        np.testing.assert_allclose(found @ found.T, expected, atol=1e-3)


def test_biases_are_smoothed_log_odds_and_add_up_with_the_log_share():
    log = small_synthetic_log()
    rows = log.rows("train")
    factors, _ = CoOccurrence(prior_rows=5.0).fit(log, rows, 2)
    label, share = log.labels(rows), float(log.labels(rows).double().mean())
    base = np.log((float(label.sum()) + 2.5) / (len(rows) - float(label.sum()) + 2.5))
    for name in ("gender", "hour", "item"):
        ids = log.field_ids(name, rows)
        for value in (1, 2):
            own = label[ids == value]
            odds = (float(own.sum()) + 5 * share) / (len(own) - float(own.sum()) + 5 * (1 - share))
            expected = np.log(odds) - (0 if name == "item" else base)
            assert float(factors.biases[name][value]) == pytest.approx(expected, abs=1e-4)
    assert factors.kind == "score"


def test_counting_in_pieces_counts_the_same(monkeypatch):
    log = small_synthetic_log()
    rows = log.rows("train")
    whole = count(log, rows, ["user", "tags", "hour"])
    monkeypatch.setattr(cooccurrence, "PIECE", 700)
    parts = count(log, rows, ["user", "tags", "hour"])
    for one, two in zip(whole[0] + whole[2], parts[0] + parts[2], strict=True):
        np.testing.assert_allclose(one, two)
    for pair, matrix in whole[1].items():
        np.testing.assert_allclose(matrix.toarray(), parts[1][pair].toarray())


def test_unknown_and_absent_values_have_zero_vectors_and_scores_are_finite():
    log = small_synthetic_log()
    rows = log.rows("train")
    kept = rows[log.field_ids("item", rows) != 4]
    factors, _ = CoOccurrence().fit(log, kept, 4)
    for name in factors.fields:
        assert not factors.vectors[name][0].any()
    assert not factors.vectors["item"][4].any()
    assert factors.logits(log, log.rows("test")).isfinite().all()


def test_same_seed_same_factors():
    log = small_synthetic_log()
    for fields in (None, ("user", "item")):
        one, two = (CoOccurrence(fields=fields).fit(log, log.rows("train"), 4)[0] for _ in range(2))
        assert torch.equal(one.vectors["item"], two.vectors["item"])


def test_values_that_never_meet_leave_no_vectors():
    vectors = symmetric_vectors({}, [3, 2], 4, np.random.default_rng(0))
    assert [part.shape for part in vectors] == [(3, 4), (2, 4)]
    assert not any(part.any() for part in vectors)


def test_bad_options_and_logs_are_refused():
    for options in ({"shift": 0.0}, {"prior_rows": 0.0}, {"min_count": -1.0}, {"fields": ("user",)}):
        with pytest.raises(UsageError, match=f"factorization.{next(iter(options))} is"):
            CoOccurrence(**options)
    log = prepare(Rows(40), RandomSplit())
    with pytest.raises(DataError, match="has 0 fields"):
        CoOccurrence().fit(log, log.rows("train"), 2)
    with pytest.raises(DataError, match="no field 'colour'"):
        CoOccurrence(fields=("user", "colour")).fit(small_synthetic_log(), log.rows("train"), 2)
