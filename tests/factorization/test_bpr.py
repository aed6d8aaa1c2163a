import numpy as np
import pytest
import torch

from cadc.data.prepare import prepare
from cadc.data.split.random import RandomSplit
from cadc.errors import CadcError, DataError, UsageError
from cadc.factorization.bpr import BPR, draw_negatives, pair_loss, set_gradients
from tests.support.helpers import ListSource, small_synthetic_log


@pytest.mark.parametrize(("l2", "l2_bias"), [(0.0, 0.0), (0.3, 0.0), (0.2, 0.7)])
def test_gradients_are_those_of_autograd(l2, l2_bias):
    generator = torch.Generator().manual_seed(0)
    parameters = [torch.randn(7, 3, generator=generator), torch.randn(5, 3, generator=generator), torch.randn(5)]
    users, items, others = (torch.randint(n, (40,), generator=generator) for n in (7, 5, 5))
    copies = [parameter.clone().requires_grad_() for parameter in parameters]
    lead = (copies[0][users] * (copies[1][items] - copies[1][others])).sum(1) + copies[2][items] - copies[2][others]
    loss = -torch.nn.functional.logsigmoid(lead).mean()
    taken = [copies[0][users], copies[1][items], copies[1][others]]
    penalty = 0.5 * l2 * sum(vectors.square().sum(1) for vectors in taken)
    penalty = penalty + 0.5 * l2_bias * (copies[2][items].square() + copies[2][others].square())
    (loss + penalty.mean()).backward()
    for parameter in parameters:
        parameter.grad = torch.full_like(parameter, 9.0)
    set_gradients(parameters, users, items, others, l2, l2_bias)
    assert pair_loss(parameters, users, items, others) == pytest.approx(float(loss.detach()), rel=1e-5)
    for parameter, copy in zip(parameters, copies, strict=True):
        torch.testing.assert_close(parameter.grad, copy.grad, atol=1e-6, rtol=1e-4)


def test_negatives_are_known_items_that_the_user_hardly_ever_took():
    users = torch.arange(200).repeat(50)
    taken = torch.sort(torch.cat([torch.arange(200) * 11 + item for item in (1, 2, 3)])).values
    drawn = draw_negatives(users, taken, 11, torch.Generator().manual_seed(0))
    assert drawn.min() == 1
    assert drawn.max() == 10
    share = torch.isin(users * 11 + drawn, taken).float().mean()
    assert share < 0.3**3 * 1.3, "each of three draws hits one of three items in ten"
    assert (torch.bincount(drawn)[4:] > 1000).all()


def test_items_a_user_takes_stand_above_the_others():
    rng = np.random.default_rng(0)
    users, items = rng.integers(0, 20, 3000), rng.integers(0, 10, 3000)
    rows = [(int(u), int(2 * i + u % 2), 1, 0) for u, i in zip(users, items, strict=True)]
    log = prepare(ListSource(rows, ["F"] * 20, [[] for _ in range(20)]), RandomSplit())
    factors, cost = BPR(learning_rate=0.03, batch_size=128, l2=0.1).fit(log, log.rows("train"), 4)
    scores = factors.vectors["user"] @ factors.vectors["item"].T + factors.biases["item"]
    own = torch.from_numpy(log.vocabulary("user")[:, None] % 2 == log.vocabulary("item")[None] % 2)
    assert scores[1:, 1:][own].min() > scores[1:, 1:][~own].max()
    assert cost["epochs"] >= 1
    assert factors.kind == "score"


def test_same_seed_same_factors_and_other_seed_other_factors():
    log = small_synthetic_log()
    fits = [BPR(max_epochs=2, batch_size=512, seed=s).fit(log, log.rows("train"), 3)[0] for s in (0, 0, 1)]
    assert torch.equal(fits[0].vectors["item"], fits[1].vectors["item"])
    assert not torch.equal(fits[0].vectors["item"], fits[2].vectors["item"])
    for name in ("user", "item"):
        assert not fits[0].vectors[name][0].any()


def test_values_without_positive_rows_have_zero_vectors():
    log = small_synthetic_log()
    rows = log.rows("train")
    kept = rows[log.field_ids("item", rows) != 4]
    factors, _ = BPR(max_epochs=1).fit(log, kept, 3)
    assert not factors.vectors["item"][4].any()
    assert factors.logits(log, log.rows("test")).isfinite().all()


def test_dim_zero_ranks_by_popularity():
    log = small_synthetic_log(n_rows=20_000)
    rows = log.rows("train")
    factors, _ = BPR(learning_rate=0.02, batch_size=1024, l2_bias=0.1).fit(log, rows, 0)
    counts = torch.bincount(log.field_ids("item", rows[log.labels(rows) > 0]).long(), minlength=81)
    order = torch.stack([factors.biases["item"][1:], counts[1:].float().clamp_min(0.5).log()])
    assert torch.corrcoef(order)[0, 1] > 0.8


def test_bad_options_and_logs_are_refused():
    for options in ({"l2": -1.0}, {"batch_size": 0}, {"learning_rate": 0.0}, {"patience": 0}):
        with pytest.raises(UsageError, match=f"factorization.{next(iter(options))} is"):
            BPR(**options)
    log = small_synthetic_log()
    rows = log.rows("train")
    with pytest.raises(DataError, match="label 1"):
        BPR().fit(log, rows[log.labels(rows) == 0], 2)
    with pytest.raises(CadcError, match=r"NaN.*learning_rate"):
        BPR(learning_rate=1e38, batch_size=256).fit(log, rows, 2)


def test_a_penalty_by_triple_shrinks_vectors_that_occur_often_most():
    rng = np.random.default_rng(0)
    items = np.minimum(rng.geometric(0.3, 2000) - 1, 9)
    rows = [(int(user), int(item), 1, 0) for user, item in zip(rng.integers(0, 40, 2000), items, strict=True)]
    log = prepare(ListSource(rows, ["F"] * 40, [[] for _ in range(10)]), RandomSplit())
    norms = {}
    for l2_by, l2 in (("value", 100.0), ("triple", 0.1)):
        fit = BPR(l2=l2, l2_by=l2_by, learning_rate=0.02, max_epochs=20, patience=20)
        norms[l2_by] = fit.fit(log, log.rows("train"), 4)[0].vectors["item"][1:].norm(dim=1)
    counts = torch.bincount(log.field_ids("item", log.rows("train")))[1:]
    ratio = norms["triple"] / norms["value"]
    assert ratio[counts.argmax()] < 0.8 * ratio[counts.argmin()]


def test_penalties_of_another_kind_are_refused():
    with pytest.raises(UsageError, match=r"l2_by is pair; expected value or triple"):
        BPR(l2_by="pair")
