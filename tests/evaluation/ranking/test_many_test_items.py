"""Recall@20 and NDCG@20 of users with many test items, as LightGCN's code computes them, through `cadc train`."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from cadc.ledger import Ledger
from cadc.serving.load import load_run
from tests.support.commands import cadc, folders

N_USERS, N_ITEMS, COLD = 60, 90, 90
"""Item 90 is in the test part alone."""


def taken_items():
    """The items of each user, those of two tastes, in train and test; user 0 has 40 test items and user 1 none."""
    rng = np.random.default_rng(0)
    found = {"train": {}, "test": {}}
    for user in range(N_USERS):
        own = [item for item in range(N_ITEMS) if item % 2 == user % 2] if user else list(range(N_ITEMS))
        n_train, n_test = (25, 40) if user == 0 else (rng.integers(5, 20), 0 if user == 1 else rng.integers(1, 12))
        items = rng.permutation(own)[: n_train + n_test].tolist()
        found["train"][user], found["test"][user] = items[:n_train], items[n_train:]
    found["test"][2].append(COLD)
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lightgcn")
    for part, of_users in taken_items().items():
        lines = [" ".join(map(str, [user, *items])) for user, items in of_users.items()]
        (folder / f"{part}.txt").write_text("\n".join(lines) + "\n")
    return folder


def by_their_code(scores, seen, test, k=20):
    """Mean recall and NDCG over users with a test item: mask, take the top k, compare with the ideal list."""
    recalls, ndcgs = [], []
    for user, truth in test.items():
        if not truth:
            continue
        masked = scores[user].copy()
        masked[list(seen[user])] = -np.inf
        hits = np.isin(np.argsort(-masked)[:k], truth).astype(float)
        discount = 1 / np.log2(np.arange(2, k + 2))
        ideal = discount[: min(k, len(truth))].sum()
        recalls.append(hits.sum() / len(truth))
        ndcgs.append((hits * discount).sum() / ideal)
    return np.mean(recalls), np.mean(ndcgs)


ARMS = {
    "als": ("model=factorization", "factorization=als", "factorization.dim=8", "factorization.alpha=20"),
    "bpr": ("model=factorization", "factorization=bpr", "factorization.dim=8", "factorization.l2=0.01"),
    "ease": ("model=ease", "model.l2=5"),
    "two_tower": ("model=two_tower", "trainer=ranking", "trainer.max_epochs=3", "embedding.dim=8"),
}


@pytest.mark.parametrize("arm", ARMS)
def test_saved_metrics_are_those_of_their_code(arm, folder, session_cache, tmp_path):
    with folders(session_cache, tmp_path / "runs"):
        answer = cadc("train", "data=lightgcn", f"data.path={folder}", "task=ranking", *ARMS[arm])
        assert answer.status == 0, answer.err
        run = Path(answer.out.splitlines()[-1]).parent
        record, log, model = load_run(Ledger(run.parent), run.name)
    users, items = (log.entity_keys(side).astype(int) for side in ("user", "item"))
    rows = {side: np.arange(1, len(keys) + 1) for side, keys in (("user", users), ("item", items))}
    with torch.inference_mode():
        score = model.item_scorer(log.items(torch.from_numpy(rows["item"])))
        found = score(log.users(torch.from_numpy(rows["user"]))).numpy()
    # Only items with a training row are ranked; what validation took from the training part is masked for the test.
    scores = np.full((N_USERS, N_ITEMS + 1), -np.inf)
    scores[users[:, None], items] = found
    trained = set(items[log.column("item", "train") - 1].tolist())
    scores[:, [item for item in range(N_ITEMS + 1) if item not in trained]] = -np.inf
    taken = taken_items()
    recall, ndcg = by_their_code(scores, taken["train"], taken["test"])
    metrics = json.loads((run / "record.json").read_text())["metrics"]
    assert metrics["test/recall@20"] == pytest.approx(recall, rel=1e-9)
    assert metrics["test/ndcg@20"] == pytest.approx(ndcg, rel=1e-9)
    assert record["data"]["rows"]["train"] < sum(map(len, taken["train"].values())), "validation rows are carved out"
    assert recall > 0.2
