"""Frequent values have rows of their own, others two shared ones."""

import pytest
import torch

from cadc.data.schema import Field
from cadc.embeddings.base.scheme import TableSpec
from cadc.embeddings.base.statistics import NOTHING_KNOWN, Statistics
from cadc.embeddings.base.table_file import file_bytes
from cadc.embeddings.schemes.double_hashing import DoubleHashing

FIELDS = [Field("user", "user", 200), Field("item", "item", 400), Field("genre", "item", 20, True)]
DIM = 8


def statistics(seed=0):
    """Return counts that fall within each field, *unknown* having none, as in a log."""
    generator = torch.Generator().manual_seed(seed)
    counts = {}
    for field in FIELDS:
        of_field = torch.randint(1, 3000, (field.vocabulary_size,), generator=generator).sort(descending=True).values
        of_field[0] = 0
        counts[field.name] = of_field
    return Statistics(counts)


def table_of(ratio=4.0, known=None, **options):
    known = statistics() if known is None else known
    scheme = DoubleHashing(dim=DIM, ratio=ratio, small=0, **options)
    return scheme.table(TableSpec(FIELDS, int(620 * DIM * 4 / ratio), statistics=known))


@pytest.mark.parametrize("combine", ["sum", "concat"])
def test_vectors_are_own_rows_or_made_of_the_rows_of_two_hashes(combine):
    table = table_of(combine=combine)
    table.reset(1.0, torch.Generator().manual_seed(0))
    table.eval()
    found = table.reconstruct()
    own, shared = table.own.detach(), table.weight.detach()
    row = first_own = 0
    for field, prefix in zip(FIELDS, table.plan()["own"], strict=True):
        for value in range(field.vocabulary_size):
            if value < prefix:
                expected = own[first_own + value]
            else:
                one, other = (shared[(a * row + b) % 2038074743 % len(shared)] for a, b in table.plan()["hashes"])
                expected = one + other if combine == "sum" else torch.cat([one, other])
            assert torch.equal(found[row], expected)
            row += 1
        first_own += prefix
    assert first_own == len(own)


def test_own_rows_go_to_the_most_frequent_values_of_all_fields():
    table = table_of()
    counts = [statistics().counts[field.name] for field in FIELDS]
    prefixes = table.plan()["own"]
    owners = torch.cat([own[1:prefix] for own, prefix in zip(counts, prefixes, strict=True)])
    others = torch.cat([own[max(prefix, 1) :] for own, prefix in zip(counts, prefixes, strict=True)])
    assert owners.min() >= others.max()
    assert all(prefix > 1 for prefix in prefixes)


def test_where_nothing_is_known_own_rows_are_shared_out_by_size():
    prefixes = table_of(ratio=2.0, known=NOTHING_KNOWN).plan()["own"]
    assert [prefix / sum(prefixes) for prefix in prefixes] == pytest.approx([200 / 620, 400 / 620, 20 / 620], abs=0.01)


@pytest.mark.parametrize("combine", ["sum", "concat"])
@pytest.mark.parametrize("own_share", [0.0, 0.3, 1.0])
def test_own_rows_take_their_share_of_the_budget(own_share, combine):
    table = table_of(own_share=own_share, combine=combine)
    own, shared = table.own.numel(), table.weight.numel()
    assert own / (own + shared) == pytest.approx(own_share, abs=0.02)
    assert 0.97 * 620 * DIM < len(file_bytes(table)) <= 620 * DIM


def test_a_budget_for_everything_gives_every_value_its_row():
    table = DoubleHashing(dim=DIM, small=0).table(TableSpec(FIELDS, 10**6, statistics=statistics()))
    assert table.plan()["own"] == [200, 400, 20]
    target = torch.randn(620, DIM)
    table.project(target, torch.ones(620))
    assert torch.equal(table.reconstruct(), target)


def test_own_rows_without_a_target_keep_their_random_start():
    table = table_of()
    table.reset(1.0, torch.Generator().manual_seed(0))
    before = table.own.detach().clone()
    n_user = table.plan()["own"][0]
    table.initialise_from([None, torch.zeros(400, DIM), None], std=1.0, generator=torch.Generator().manual_seed(0))
    assert torch.equal(table.own[:n_user], before[:n_user])
    assert not table.own[n_user : n_user + table.plan()["own"][1]].any()


def test_frequent_values_take_no_part_in_shared_rows():
    table = table_of()
    table.train()
    table.reset(1.0, torch.Generator().manual_seed(0))
    table.vectors(torch.arange(table.plan()["own"][0])).sum().backward()
    assert not table.weight.grad.any() and table.own.grad.any()
