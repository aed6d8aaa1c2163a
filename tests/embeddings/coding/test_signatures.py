"""Keys agree as often as the similarity that they stand for says, computed from exact sets."""

import math
from collections import defaultdict

import pytest
import torch

from cadc.data.prepare import prepare
from cadc.data.split.random import RandomSplit
from cadc.embeddings.coding.signatures import minhash_keys, simhash_keys
from tests.support.helpers import ListSource, small_synthetic_log

KEYS = 500
"""So many that shares of them are close to probabilities."""
CLOSE = 5 * 0.5 / math.sqrt(KEYS)
"""Five standard errors of a share at most."""


@pytest.fixture(scope="module")
def log():
    return small_synthetic_log(n_rows=600)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def keys_of(log, bits=4, rows=10**6, by_neighbours=False, fields=None, keys=KEYS):
    fields = log.schema.fields if fields is None else fields
    found = minhash_keys(log, fields, keys, bits, rows, by_neighbours, seeded())
    sizes = [field.vocabulary_size for field in fields]
    return dict(zip([field.name for field in fields], found.split(sizes), strict=True))


def sets_of(log, by_neighbours):
    """The elements that each value occurs with, row by row."""
    batch = log.gather(log.rows("train"))
    user, item = ([field.name for field in log.schema.single].index(name) for name in ("user", "item"))
    neighbour = {"user": batch.ids[:, item].tolist(), "item": batch.ids[:, user].tolist()}
    found = defaultdict(set)
    for column, field in enumerate(log.schema.single):
        for row, value in enumerate(batch.ids[:, column].tolist()):
            element = neighbour[field.name][row] if by_neighbours and field.name in neighbour else row
            found[field.name, value].add(element)
    for field in log.schema.bags:
        bag = batch.bags[field.name]
        ends = [*bag.offsets.tolist()[1:], len(bag.values)]
        for row, (first, last) in enumerate(zip(bag.offsets.tolist(), ends, strict=True)):
            for value in bag.values[first:last].tolist():
                found[field.name, value].add(row)
    return found


@pytest.mark.parametrize("by_neighbours", [False, True])
@pytest.mark.parametrize("bits", [1, 4])
def test_two_values_share_a_key_as_often_as_their_sets_overlap(log, by_neighbours, bits):
    keys, sets = keys_of(log, bits, by_neighbours=by_neighbours), sets_of(log, by_neighbours)
    names = [field.name for field in log.schema.fields]
    pairs = [
        ((a, i), (b, j)) for a in names for b in names for i in range(1, 7) for j in range(1, 7) if (a, i) < (b, j)
    ]
    alike = set()
    for one, other in pairs:
        if not (sets[one] and sets[other]):
            continue
        is_same_universe = not by_neighbours or not {"user", "item"} & {one[0], other[0]} or one[0] == other[0]
        overlap = len(sets[one] & sets[other]) / len(sets[one] | sets[other]) if is_same_universe else 0.0
        expected = overlap + (1 - overlap) / 2**bits
        share = float((keys[one[0]][one[1]] == keys[other[0]][other[1]]).float().mean())
        assert abs(share - expected) < CLOSE, (one, other)
        alike.add(round(overlap, 1))
    assert {0.0, 0.1} < alike  # or else nothing was asked


def test_keys_are_even_also_of_frequent_values(log):
    keys = keys_of(log, bits=4)["user"]
    shares = torch.bincount(keys.flatten().long(), minlength=16) / keys.numel()
    assert torch.allclose(shares, torch.full((16,), 1 / 16), atol=0.006)


def test_values_that_occur_nowhere_get_keys_of_their_own(log):
    found = keys_of(log, rows=3)["user"]
    occurring = log.field_ids("user", log.rows("train")).long().bincount(minlength=len(found)) > 0
    assert occurring.sum() > 30
    shares = (found.unsqueeze(0) == found.unsqueeze(1)).float().mean(2)
    apart = shares[~torch.eye(len(found), dtype=torch.bool)]
    assert (apart < 1 / 16 + CLOSE).all()


def test_part_of_the_fields_in_any_order_get_the_same_keys_each_time(log):
    fields = log.schema.fields[::-1][:2]
    one, other = (keys_of(log, fields=fields, keys=3) for _ in range(2))
    assert all(torch.equal(one[field.name], other[field.name]) for field in fields)
    assert [len(keys) for keys in one.values()] == [field.vocabulary_size for field in fields]


def test_items_of_the_same_users_are_alike_by_neighbours_alone():
    rows = [(user, item, 1, "1") for user in range(20) for item in (0, 1)] * 5
    rows += [(user, item, 0, "2") for user in range(20, 40) for item in (2, 3)] * 5
    log = prepare(ListSource(rows, ["F", "M"] * 20, [["a"]] * 4), RandomSplit())
    names = log.vocabulary("item").tolist()
    first, second, third = (names.index(200 + item) + 1 for item in (0, 1, 2))
    by_rows, by_users = (keys_of(log, 8, by_neighbours=own, keys=64)["item"] for own in (False, True))
    assert (by_users[first] == by_users[second]).float().mean() > 0.7
    assert (by_users[first] == by_users[third]).float().mean() < 0.1
    assert (by_rows[first] == by_rows[second]).float().mean() < 0.1


@pytest.mark.parametrize("bits", [1, 4])
def test_simhash_keys_agree_by_the_angle(bits):
    vectors = torch.randn(6, 8, generator=seeded(1))
    vectors = torch.cat([vectors, vectors[:1] + 0.2 * vectors[1:2], 3 * vectors[:1]])
    keys = simhash_keys(vectors, KEYS, bits, seeded())
    assert torch.equal(keys[0], keys[7])
    assert 0 <= int(keys.min()) <= int(keys.max()) < 2**bits
    for i in range(7):
        for j in range(i):
            angle = math.acos(float(torch.nn.functional.cosine_similarity(vectors[i], vectors[j], dim=0)))
            share = float((keys[i] == keys[j]).float().mean())
            assert abs(share - (1 - angle / math.pi) ** bits) < CLOSE
