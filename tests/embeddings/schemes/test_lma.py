"""LMA against its hash in Python's whole numbers, and its sharing against the similarity of values."""

import math
from fractions import Fraction
from itertools import combinations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cadc.data.schema import Field
from cadc.embeddings.base.scheme import TableSpec
from cadc.embeddings.base.statistics import Statistics
from cadc.embeddings.base.table_file import file_bytes, read_table, write_table
from cadc.embeddings.collection import EmbeddingCollection
from cadc.embeddings.initialization import InitialValues
from cadc.embeddings.measured import measure_tables
from cadc.embeddings.schemes.lma import EXACT, Lma, LmaTable, column_hashes, packed, unpacked, width
from cadc.errors import UsageError
from cadc.pipeline.build import make_model
from cadc.pipeline.settings import Settings
from cadc.sampling.sampler import Sample
from tests.support.helpers import small_synthetic_log

FIELDS = (Field("user", "user", 400), Field("item", "item", 300))


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([1, 2, 4, 8, 16]), st.integers(1, 16), st.integers(0, 5), st.integers(0, 2**31))
def test_keys_come_back_from_their_bytes(bits, n_keys, n, seed):
    keys = torch.randint(1 << bits, (n, n_keys), generator=seeded(seed), dtype=torch.int32)
    signature = packed(keys, bits)
    assert signature.shape == (n, math.ceil(n_keys * bits / 8)) == (n, width(n_keys, bits))
    assert torch.equal(unpacked(signature, n_keys, bits), keys)


def test_fifteen_keys_of_four_bits_take_eight_bytes():
    assert width(15, 4) == 8


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_slots_follow_the_hash_in_whole_numbers(data):
    bits, n_keys = data.draw(st.sampled_from([1, 4, 8, 16])), data.draw(st.integers(1, 6))
    power, slots = data.draw(st.integers(1, n_keys)), data.draw(st.integers(1, 10**7))
    table = LmaTable([Field("user", "user", 5)], 7, slots, n_keys, bits, power, data.draw(st.integers(0, 2**31)))
    most = (1 << bits) - 1
    keys = data.draw(
        st.lists(
            st.lists(st.integers(0, most) | st.just(most), min_size=n_keys, max_size=n_keys), min_size=5, max_size=5
        )
    )
    table.describe(torch.tensor(keys, dtype=torch.int32))
    w = EXACT - bits - power.bit_length()
    a = [[int(factor * 2**w) for factor in row] for row in table.factors.tolist()]
    b = [int(summand * 2**w) for summand in table.summands.tolist()]
    assert all(
        own * Fraction(1, 2**w) == Fraction(value) for own, value in zip(b, table.summands.tolist(), strict=True)
    )
    for row, own in enumerate(keys):
        for column, slot in enumerate(table.slots_of(torch.tensor([row]))[0].tolist()):
            total = sum(a[key][column] * own[key] for key in range(n_keys)) + b[column]
            assert total < 2**EXACT
            assert slot == math.floor((total % 2**w) / 2**w * slots)


@pytest.mark.parametrize(("n_keys", "power", "dim"), [(15, 2, 64), (4, 2, 16), (3, 3, 8), (1, 1, 4)])
def test_columns_look_at_different_keys_as_long_as_there_are_others(n_keys, power, dim):
    factors, _ = column_hashes(dim, n_keys, 4, power, seed=5)
    subsets = [tuple(factors[:, column].nonzero().flatten().tolist()) for column in range(dim)]
    assert {len(subset) for subset in subsets} == {power}
    times = [subsets.count(subset) for subset in combinations(range(n_keys), power)]
    assert sum(times) == dim
    assert max(times) - min(times) <= 1


@pytest.mark.parametrize("power", [1, 2, 3])
def test_two_values_share_slots_by_their_similarity_to_the_power(power):
    n, slots = 4000, 5000
    table = LmaTable([Field("user", "user", 2 * n)], 8, slots, 6, 8, power, seed=1)
    keys = torch.randint(256, (n, 6), generator=seeded(1), dtype=torch.int32)
    alike = torch.rand(n, 6, generator=seeded(2)) < 0.6
    others = torch.where(alike, keys, torch.randint(256, (n, 6), generator=seeded(3), dtype=torch.int32))
    table.describe(torch.cat([keys, others]))
    found = table.slots_of(torch.arange(2 * n))
    share = float((found[:n] == found[n:]).double().mean())
    per_key = 0.6 + 0.4 / 256
    assert share == pytest.approx(per_key**power + (1 - per_key**power) / slots, abs=0.01)
    unlike = float((found[:n] == found[:n].roll(1, 0)).double().mean())
    assert unlike == pytest.approx(256.0**-power + 1 / slots, abs=0.002)


def test_slots_are_used_evenly():
    table = LmaTable(FIELDS, 16, 100, 8, 8, 2, seed=3)
    table.describe(torch.randint(256, (700, 8), generator=seeded(), dtype=torch.int32))
    times = torch.bincount(table.slots_of(torch.arange(700)).long().flatten(), minlength=100)
    assert len(times) == 100
    assert (times > 112 / 2).all() and (times < 112 * 2).all()


def built(budget, dim=16, **options):
    return Lma(dim=dim, budget=budget, **options).table(TableSpec(FIELDS, budget, generator=seeded()))


@pytest.mark.parametrize(
    ("share", "bits", "wanted", "keys"),
    [(0.5, 4, 15, 4), (0.25, 4, 15, 2), (0.5, 8, 15, 2), (0.9, 4, 15, 6), (0, 4, 15, 1), (0.5, 4, 3, 3)],
)
def test_keys_take_their_share_of_the_budget_and_slots_the_rest(share, bits, wanted, keys):
    budget = 4 * 700
    table = built(budget, share=share, bits=bits, keys=wanted, power=2)
    assert (table.keys, table.power) == (keys, min(keys, 2))
    assert table.index_bytes == 700 * math.ceil(keys * bits / 8) == table.serving()["signature"].nbytes
    assert budget - 8 < len(file_bytes(table)) <= budget
    assert table.slots > 0


def test_a_budget_below_one_key_and_one_number_is_refused():
    with pytest.raises(UsageError, match=r"budget is 700 bytes, .*1 slots take (\d+)") as caught:
        built(700)
    least = int(str(caught.value).split(" slots take ")[1].split()[0])
    table = built(least)
    assert (table.keys, table.slots, len(file_bytes(table))) == (1, 1, least)
    assert built(least, share=1.0).keys == 2  # which take the same byte
    with pytest.raises(UsageError):
        built(least - 8)


def test_where_the_share_would_leave_no_memory_there_are_fewer_keys():
    table = built(1800, share=1.0)
    assert table.keys == 2  # signatures of 4 would be 1400 of the 1800 bytes, and the header has more than 400
    assert len(file_bytes(table)) <= 1800


def test_ratios_are_told_with_and_without_the_index():
    log = small_synthetic_log()
    targets = dict.fromkeys([field.name for field in log.schema.fields])
    start = InitialValues(targets, statistics=Statistics.of(log))
    tables = EmbeddingCollection(log.schema, Lma(dim=16, budget=4000, small=0), start)
    found = measure_tables(tables)
    full = 4 * 16 * sum(field.vocabulary_size for field in log.schema.fields)
    assert found["index_bytes"] == tables.tables[0].signature.nbytes > 0
    assert found["ratio"] == pytest.approx(full / found["bytes"])
    assert found["ratio_without_index"] == pytest.approx(full / (found["bytes"] - found["index_bytes"]))


@pytest.mark.parametrize("signature", ["minhash", "minhash_neighbours"])
def test_exported_tables_need_no_log(tmp_path, signature):
    log = small_synthetic_log(n_rows=600)
    spec = TableSpec(log.schema.fields, 3000, statistics=Statistics.of(log), generator=seeded())
    table = Lma(dim=4, budget=3000, signature=signature).table(spec)
    table.initialise_from([None] * len(log.schema.fields))
    write_table(table, tmp_path / "table")
    found = read_table(tmp_path / "table")
    assert torch.equal(found.reconstruct(), table.reconstruct())
    assert found.described_by == signature
    again = Lma(dim=4, budget=3000, signature=signature).table(
        TableSpec(log.schema.fields, 3000, statistics=Statistics.of(log), generator=seeded())
    )
    assert torch.equal(again.signature, table.signature)


def test_simhash_shares_memory_among_vectors_that_point_the_same_way():
    target = torch.randn(700, 8, generator=seeded(4))
    target[350:] = 2 * target[:350]
    table = built(8000, 8, signature="simhash", bits=8)
    table.initialise_from(list(target.split([400, 300])), generator=seeded())
    slots = table.slots_of(torch.arange(700))
    assert torch.equal(slots[:350], slots[350:])
    assert float((slots[:350] == slots[:350].roll(1, 0)).double().mean()) < 0.2
    other = built(8000, 8, signature="minhash", bits=8)
    other.initialise_from(list(target.split([400, 300])), generator=seeded())
    assert table.psnr > other.psnr


def test_simhash_gives_values_without_a_target_random_keys():
    table = built(8000, 8, signature="simhash", bits=8)
    table.initialise_from([None, torch.randn(300, 8, generator=seeded(4))], generator=seeded())
    assert len(table.signature[:400].unique(dim=0)) > 390


def test_simhash_needs_enriched_vectors():
    log = small_synthetic_log()
    words = ["data=synthetic", "embedding=lma", "embedding.signature=simhash", "embedding.small=0"]
    with pytest.raises(UsageError, match=r"embedding\.signature=simhash .*initializer=mf"):
        make_model(Settings.compose(words), log, None, Sample(torch.arange(10)))
    Lma(signature="simhash").require_start(["user"])
    Lma().require_start([])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"bits": 3}, r"embedding\.bits is 3; .* 1, 2, 4, 8, 16"),
        ({"keys": 17}, r"embedding\.keys is 17; .* at most 16"),
        ({"keys": 2, "power": 3}, r"embedding\.power is 3; .* embedding\.keys, which is 2"),
        ({"keys": 0}, r"embedding\.keys is 0; it must be at least 1"),
        ({"share": 1.5}, r"embedding\.share is 1\.5; .* from 0 to 1"),
        ({"share": float("nan")}, r"embedding\.share is nan"),
        ({"signature": "words"}, r"embedding\.signature is 'words'"),
    ],
)
def test_options_that_make_no_table(options, said):
    with pytest.raises(UsageError, match=said):
        Lma(**options)
