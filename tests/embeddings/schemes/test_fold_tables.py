"""Frozen tables of cross-fitting, and ids that are looked up as unknown, against naive loops."""

import copy

import pytest
import torch

from cadc.embeddings.collection import EmbeddingCollection
from cadc.embeddings.initialization import InitialValues
from cadc.embeddings.schemes.full import Full
from tests.embeddings.test_collection import DIM, NAMES, SCHEMA, batch_of, naive, targets

K = 3
FROZEN = ("user", "genres")
IDS = {field.name: [1, 0, 1, 1] for field in SCHEMA.single} | {"user": [1, 2, 3, 6], "item": [8, 1, 2, 0]}
BAGS = {"genres": [[1, 2], [], [4], [3, 0, 1]], "jobs": [[1], [1, 2], [], [2]]}


def fold_targets():
    generator = torch.Generator().manual_seed(4)
    shapes = {name: (K, SCHEMA[name].vocabulary_size, DIM) for name in FROZEN}
    return targets() | {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}


def collection(start, **options):
    return EmbeddingCollection(SCHEMA, Full(dim=DIM), InitialValues(start, **options))


def test_a_training_row_looks_up_the_table_of_its_fold_and_any_other_the_mean():
    start = fold_targets()
    module = collection(start, frozen=FROZEN)
    batch = batch_of(IDS, BAGS)
    mean = {name: table.mean(0) if table.ndim == 3 else table for name, table in start.items()}
    torch.testing.assert_close(module(batch), naive(IDS, BAGS, mean, module.field_names))
    batch.fold = torch.tensor([2, 0, 1, 2])
    found = module(batch)
    for row, fold in enumerate(batch.fold.tolist()):
        own = {name: table[fold] if table.ndim == 3 else table for name, table in start.items()}
        torch.testing.assert_close(found[row], naive(IDS, BAGS, own, module.field_names)[row])


def test_only_the_mean_is_saved_and_exported():
    start = fold_targets()
    module = collection(start, frozen=FROZEN)
    assert sum(value.numel() for value in module.state_dict().values()) == DIM * sum(
        field.vocabulary_size for field in SCHEMA.fields
    )
    tables = module.dense_tables(SCHEMA)
    for name in FROZEN:
        assert torch.equal(tables[name], start[name].mean(0))
    other = collection(targets(1) | {name: start[name] + 1 for name in FROZEN}, frozen=FROZEN)
    other.load_state_dict(module.state_dict())
    batch = batch_of(IDS, BAGS)
    assert torch.equal(other(batch), module(batch))


def test_tables_of_folds_are_not_trained():
    module = collection(fold_targets(), frozen=FROZEN)
    batch = batch_of(IDS, BAGS)
    batch.fold = torch.tensor([2, 0, 1, 2])
    before = copy.deepcopy(module.dense_tables(SCHEMA))
    optimizer = torch.optim.SGD([weight for weight in module.parameters() if weight.requires_grad], lr=0.1)
    module(batch).square().sum().backward()
    optimizer.step()
    after = module.dense_tables(SCHEMA)
    assert {name for name in NAMES if torch.equal(before[name], after[name])} == set(FROZEN)


def masks():
    return {
        "user": torch.tensor([True, False, True, False, False, False, True]),
        "genres": torch.tensor([True, False, False, False, True]),
    }


def test_ids_never_seen_look_up_the_row_of_unknown():
    start = targets()
    module = collection(start, unknown_ids=masks(), id_dropout=0.5).eval()
    batch = batch_of(IDS, BAGS)
    known = {name: [value if not masks()[name][value] else 0 for value in IDS[name]] for name in ("user",)}
    bags = BAGS | {"genres": [[v if not masks()["genres"][v] else 0 for v in row] for row in BAGS["genres"]]}
    expected = naive(IDS | known, bags, start, module.field_names)
    torch.testing.assert_close(module(batch), expected)
    exported = module.dense_tables(SCHEMA)
    torch.testing.assert_close(naive(IDS, BAGS, exported, module.field_names), expected)
    assert torch.equal(exported["item"], start["item"])
    assert set(module.state_dict()) == {"tables.0.weight"}


def test_training_takes_a_share_of_the_ids_for_unknown():
    start = {name: torch.arange(float(len(table))).unsqueeze(1).expand(-1, DIM) for name, table in targets().items()}
    seen = {"user": torch.zeros(7, dtype=torch.bool), "genres": torch.zeros(5, dtype=torch.bool)}
    module = collection(start, unknown_ids=seen, id_dropout=0.2)
    n = 4000
    ids = {field.name: [1] * n for field in SCHEMA.single}
    batch = batch_of(ids, {"genres": [[1]] * n, "jobs": [[1]] * n})
    torch.manual_seed(0)
    found = dict(zip(module.field_names, module(batch)[:, :, 0].unbind(1), strict=True))
    for name, values in found.items():
        share = float((values == 0).float().mean())
        assert share == pytest.approx(0.2, abs=0.03) if name in seen else share == 0
    assert not ((found["user"] == 0) == (found["genres"] == 0)).all()
    torch.manual_seed(0)
    again = dict(zip(module.field_names, module(batch)[:, :, 0].unbind(1), strict=True))
    assert all(torch.equal(found[name], again[name]) for name in found)
    assert not (module.eval()(batch) == 0).any()


def test_id_dropout_trains_the_row_of_unknown():
    module = collection(targets(), unknown_ids=masks(), id_dropout=0.0)
    batch = batch_of(IDS, BAGS)
    module(batch).sum().backward()
    table = module.tables[0]
    gradient = table.weight.grad
    first = table.first_row["user"]
    # Users 2 and 6 were never seen, so their rows get none and unknown gets theirs.
    assert gradient[first].eq(2).all()
    assert not gradient[first + 2].any() and not gradient[first + 6].any()
