"""LensKit trains on an exported sample, and starts from the exported vectors."""

import numpy as np
import pandas as pd
import pytest

from tests.support.commands import cadc

pytestmark = pytest.mark.cluster("bench")


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lenskit") / "sample"
    words = ("data.n_rows=40000", "data.n_users=300", "data.n_items=200", "sampler.rate=0.1", "initializer=mf_bias")
    answer = cadc("data", "export", "synthetic", *words, "--positives", "--layout", "lenskit", "--output", folder)
    assert answer.status == 0, answer.err
    return folder


def pairs(path):
    rows = pd.read_parquet(path).astype({"user_id": object, "item_id": object})
    return rows.drop_duplicates(["user_id", "item_id"])[["user_id", "item_id"]]


def mean_rank(scorer, held_out):
    """Mean share of all items that score higher than the held-out item of a row; 0.5 by chance."""
    from lenskit.data import ItemList

    items = ItemList(item_ids=scorer.items.ids())
    shares = []
    for user, own in held_out.groupby("user_id")["item_id"]:
        scores = scorer(user, items).scores("pandas", index="ids")
        shares += [(scores > scores[item]).mean() for item in own]
    return np.mean(shares)


def vectors(folder, side, vocabulary):
    found = pd.read_parquet(folder / f"vectors_{side}.parquet").set_index("value")["vector"]
    return np.stack(found.loc[vocabulary.ids()]).astype(np.float32)


def test_a_model_is_trained_on_the_sample_and_starts_from_the_factors(exported):
    from lenskit.als import ImplicitMFScorer
    from lenskit.data import from_interactions_df
    from lenskit.training import TrainingOptions

    train = pairs(exported / "train.parquet")
    data = from_interactions_df(train)
    assert (data.user_count, data.item_count) == (train["user_id"].nunique(), train["item_id"].nunique())
    assert data.interaction_count == len(train)
    scorer = ImplicitMFScorer(embedding_size=2, epochs=8)
    scorer.train(data, TrainingOptions(rng=1))
    test = pairs(exported / "test.parquet")
    test = test[test["user_id"].isin(data.users.ids()) & test["item_id"].isin(data.items.ids())]
    trained = mean_rank(scorer, test)
    assert trained < 0.45
    scorer.user_embeddings = vectors(exported, "user", scorer.users)
    scorer.item_embeddings = vectors(exported, "item", scorer.items)
    assert mean_rank(scorer, test) < trained - 0.01
