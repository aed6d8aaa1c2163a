"""Small SASRec models, and what comes before a row as a loop finds it."""

import torch

from cadc.embeddings.collection import EmbeddingCollection
from cadc.embeddings.initialization import InitialValues
from cadc.embeddings.schemes.full import Full
from cadc.models import SASRec

DIM = 8


def collection_of(log, scheme=None, frozen=(), folds=None):
    shape = (log.schema["item"].vocabulary_size, DIM)
    values = torch.randn(shape if folds is None else (folds, *shape), generator=torch.Generator().manual_seed(4)) / 2
    targets = {field.name: values if field.name == "item" else None for field in log.schema.fields}
    start = InitialValues(targets, ("item",) if folds else frozen)
    return EmbeddingCollection(log.schema, scheme or Full(dim=DIM), start, ("item",), names=("item",))


def model_of(log, rows=None, scheme=None, frozen=(), views=None, **options):
    generator = torch.Generator().manual_seed(3)
    options = {"hidden": 12, "dropout": 0.0, "length": 7} | options
    model = SASRec(collection_of(log, scheme, frozen), views, log.schema, generator, **options)
    model.begin(log, log.rows("train") if rows is None else rows)
    return model.eval()


def items_before(log, rows, held, now=None):
    """For each row the ids of its user's items in `held` before its time, or `now`, and how many the user has."""
    users, items = (log.field_ids(name, held).tolist() for name in ("user", "item"))
    times, labels = log.column("time")[held.numpy()].tolist(), log.labels(held).tolist()
    of_user = {}
    for user, time, row, item, label in sorted(zip(users, times, held.tolist(), items, labels, strict=True)):
        if user and item and label == 1:
            of_user.setdefault(user, []).append((time, row, item))
    found = []
    for row in rows.tolist():
        own = of_user.get(int(log.field_ids("user", torch.tensor([row]))), [])
        moment = (int(log.column("time")[row]) if now is None else now, row)
        found.append(([item for time, other, item in own if (time, other) < moment], len(own)))
    return found
