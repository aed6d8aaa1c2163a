"""Trains LensKit on an exported folder, and again from its vectors, and prints what came out.

A process of its own, since LensKit sets the threads of all libraries: python -m tests.data.layouts.train_lenskit FOLDER
"""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd


def pairs(path):
    rows = pd.read_parquet(path).astype({"user_id": object, "item_id": object})
    return rows.drop_duplicates(["user_id", "item_id"])[["user_id", "item_id"]]


def vectors(folder, side, vocabulary):
    found = pd.read_parquet(folder / f"vectors_{side}.parquet").set_index("value")["vector"]
    return np.stack(found.loc[vocabulary.ids()]).astype(np.float32)


def mean_rank(scorer, held_out):
    """Mean share of all items that score higher than the held-out item of a row; 0.5 by chance."""
    from lenskit.data import ItemList

    items = ItemList(item_ids=scorer.items.ids())
    shares = []
    for user, own in held_out.groupby("user_id")["item_id"]:
        scores = scorer(user, items).scores("pandas", index="ids")
        shares += [(scores > scores[item]).mean() for item in own]
    return float(np.mean(shares))


def main(folder):
    from lenskit.als import ImplicitMFScorer
    from lenskit.data import from_interactions_df
    from lenskit.training import TrainingOptions

    data = from_interactions_df(pairs(folder / "train.parquet"))
    test = pairs(folder / "test.parquet")
    test = test[test["user_id"].isin(data.users.ids()) & test["item_id"].isin(data.items.ids())]
    scorer = ImplicitMFScorer(embedding_size=2, epochs=8)
    scorer.train(data, TrainingOptions(rng=1))
    found = {"users": data.user_count, "items": data.item_count, "rows": data.interaction_count}
    found["trained"] = mean_rank(scorer, test)
    scorer.user_embeddings = vectors(folder, "user", scorer.users)
    scorer.item_embeddings = vectors(folder, "item", scorer.items)
    print(json.dumps(found | {"started": mean_rank(scorer, test)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
