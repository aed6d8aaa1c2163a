"""The stack that ranks: its softmax regression, the contests that it learns from, and its runs."""

import json

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.special import logsumexp

from cadc.ledger import Ledger
from cadc.models.stack.contests import contests_of
from cadc.models.stack.ridge_softmax import Contests, ridge_softmax
from cadc.serving.load import load_run
from cadc.testing import made_up_views
from cadc.views.histories import KnownRows
from tests.support.commands import TINY, cadc, folders, train
from tests.views.test_user_rows import naive_order

RANKING = (*TINY, "data/split=leave_one_out", "model=stack", "task=ranking", "factorization_rows=complement")


def made_up_contests(m=60, n=9, k=3):
    generator = torch.Generator().manual_seed(0)
    numbers = torch.randn(m, n, k, generator=generator) * torch.tensor([1.0, 100.0, 0.01]) + 5.0
    taken = torch.randint(n, (m,), generator=generator)
    allowed = torch.rand(m, n, generator=generator) < 0.7
    allowed[torch.arange(m), taken] = True
    return Contests(numbers, taken, allowed, torch.rand(m, generator=generator) + 0.5)


@pytest.mark.parametrize("l2", [0.1, 3.0])
def test_weights_are_those_that_an_optimiser_finds(l2):
    own = made_up_contests()
    spread = np.array(
        [
            np.sqrt(np.mean([own.numbers[c, own.allowed[c], k].double().var(correction=0) for c in range(60)]))
            for k in range(3)
        ]
    )

    def objective(beta):
        scores = np.where(own.allowed, own.numbers.double().numpy() @ (beta / spread), -np.inf)
        losses = logsumexp(scores, axis=1) - scores[np.arange(60), own.taken]
        return own.weights.double().numpy() @ losses + 0.5 * l2 * beta @ beta

    expected = minimize(objective, np.zeros(3), tol=1e-12).x
    np.testing.assert_allclose(ridge_softmax(own, l2).numpy() * spread, expected, atol=1e-4)


def test_a_number_that_is_the_same_for_all_candidates_has_no_weight():
    own = made_up_contests()
    own.numbers[:, :, 1] = 3.0
    found = ridge_softmax(own, l2=1.0)
    assert found[1] == 0
    assert (found[[0, 2]] != 0).all()


def test_histories_end_before_their_rows(log):
    rows = log.rows("train")[::7]
    found = KnownRows.before(log, rows, ("label",))
    every = log.rows("train")
    order, item_of, label_of = (
        naive_order(log, every),
        log.field_ids("item", every).tolist(),
        log.labels(every).tolist(),
    )
    assert len(found) == len(rows)
    for place, (row, user) in enumerate(zip(rows.tolist(), log.field_ids("user", rows).tolist(), strict=True)):
        own = order[user]
        before = [other for other in own[: own.index(row)] if item_of[other] > 0]
        kept = slice(int(found.first[place]), int(found.first[place + 1]))
        assert found.items[kept].tolist() == [item_of[other] for other in before]
        assert found.label[kept].tolist() == [label_of[other] for other in before]


def test_an_item_stands_against_all_that_its_user_had_not_taken_before(log):
    rows = log.rows("train")[::5]
    own, order = contests_of(made_up_views(log), log, rows), naive_order(log, log.rows("train"))
    item_of = log.field_ids("item", log.rows("train")).tolist()
    positive = rows[log.labels(rows) > 0].tolist()
    assert len(own.taken) == len(positive)
    for contest, row in enumerate(positive[:50]):
        rows_of_user = order[int(log.field_ids("user", torch.tensor([row]))[0])]
        taken = {item_of[other] for other in rows_of_user[: rows_of_user.index(row)]} - {item_of[row]}
        candidates = set(range(1, log.schema["item"].vocabulary_size))
        assert {int(place) + 1 for place in own.allowed[contest].nonzero()[:, 0]} == candidates - taken
        assert int(own.taken[contest]) + 1 == item_of[row]


def test_a_run_ranks_with_the_histories_that_were_known(tmp_path, session_cache):
    with folders(session_cache, tmp_path / "runs"):
        folder = train(*RANKING, "views=[transitions,recent_ease]", "sampler.rate=0.1")
        _, log, model = load_run(Ledger(folder.parent), folder.name)
    expected = KnownRows.of_rows(log, torch.cat([log.rows("train"), log.rows("validation")])).arrays
    known = model.views.known_rows().arrays
    assert torch.equal(known["first"], expected["first"])
    assert torch.equal(known["items"].int(), expected["items"])
    record = json.loads((folder / "record.json").read_text())
    assert record["metrics"]["test/ndcg@10"] > 0
    assert record["bytes"]["model"] >= sum(own.numel() * own.element_size() for own in model.state_dict().values())


def test_views_that_cannot_rank_are_refused(tmp_path, session_cache):
    with folders(session_cache, tmp_path / "runs"):
        answer = cadc("train", *RANKING, "views=[transitions,profile]", "sampler.rate=0.1")
    assert answer.status == 2
    assert "do not rank items: profile" in answer.err
