"""What holds for every scheme of conf/embedding, with every choice that it offers: bytes, file, look-up, gradient."""

import pytest
import torch

from cadc.configuration.class_lookup import load_class
from cadc.configuration.components import options_of
from cadc.data.schema import Field, Schema
from cadc.embeddings.base.scheme import Compressed
from cadc.embeddings.base.table_file import file_bytes, read_table, write_table
from cadc.embeddings.measured import lookup_ns
from cadc.errors import DataError, UsageError
from cadc.testing import check_scheme
from tests.embeddings.support.schemes import (
    ALL,
    BUDGETED,
    DIM,
    EACH_CHOICE,
    FULL,
    LOWER,
    NODES,
    VARIANTS,
    WITH_BUDGET,
    assert_same_bits,
    bag_of,
    fields,
    ids_of,
    looked_up,
    n_rows,
    random_table,
    ready,
    scheme_of,
    smallest,
    table_of,
    trained,
)


@EACH_CHOICE
def test_contract_is_kept(name):
    options = options_of(VARIANTS[name]) | ({"steps": 40} if "steps" in VARIANTS[name] else {})
    given = {key: value for key, value in options.items() if key not in ("dim", "ratio", "budget", "small")}
    check_scheme(load_class(VARIANTS[name]["_target_"]), dim=DIM, **given)


class TestBudget:
    @WITH_BUDGET
    def test_is_never_exceeded_by_a_byte_and_a_smaller_one_than_the_least_is_named(self, name):
        full = FULL * n_rows()
        least = set()
        for budget in (*(int(full / ratio) for ratio in (2, 3.7, 8, 16, 33, 64)), 1, 10007):
            try:
                table = ready(name, budget)
            except UsageError as error:
                assert str(budget) in str(error)
                assert smallest(error) > budget
                least.add(smallest(error))
                continue
            assert len(file_bytes(table)) <= budget
        assert len(least) == 1, "the least does not depend on what was asked for"
        table = ready(name, min(least))
        assert len(file_bytes(table)) <= min(least)
        with pytest.raises(UsageError, match=f"{min(least)} already"):
            table_of(name, min(least) - 1)

    @WITH_BUDGET
    def test_is_used_as_far_as_the_grain_allows(self, name):
        def size(budget):
            return len(file_bytes(table_of(name, budget)))

        full = FULL * n_rows()
        for budget in (full // 5, full // (6 if name in LOWER else 11)):
            table = ready(name, budget)
            used = len(file_bytes(table))
            assert used > budget / 2 or used >= 0.99 * len(file_bytes(ready(name, 4 * full)))
            if table_of(name).search_epochs:
                continue  # its size follows from what is learnt
            assert size(used) == used, "with no more than it needs it is the same"
            if used == size(4 * full):
                continue
            low, high = budget, 4 * full  # find the first budget that allows more
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if size(middle) <= used else (low, middle)
            assert size(high) == high, "a larger table is made as soon as it fits"

    @WITH_BUDGET
    def test_that_makes_no_sense_is_a_usage_error(self, name):
        for options, said in (
            ({"budget": 0}, r"embedding\.budget is 0; it must be at least 1"),
            ({"budget": -5}, r"embedding\.budget is -5"),
            ({"ratio": 0.99, "budget": None}, r"embedding\.ratio is 0\.99; it must be at least 1"),
            ({"ratio": None, "budget": None}, "both null"),
            ({"small": -1}, r"embedding\.small is -1"),
            ({"dim": 0}, r"embedding\.dim is 0"),
        ):
            with pytest.raises(UsageError, match=said):
                scheme_of(name, **options)


class TestFile:
    @ALL
    def test_follows_training_that_goes_on_after_an_evaluation(self, name, tmp_path):
        table = ready(name)
        table.eval()
        before = looked_up(table)
        trained(table, seed=5).eval()
        write_table(table, tmp_path / "table.safetensors")
        after = looked_up(table)
        assert any(not torch.equal(a, b) for a, b in zip(before, after, strict=True))
        assert_same_bits(after, looked_up(read_table(tmp_path / "table.safetensors")))

    @pytest.mark.parametrize("name", NODES)
    def test_with_any_byte_changed_or_missing_is_refused(self, name, tmp_path):
        content = file_bytes(ready(name))
        path = tmp_path / "table.safetensors"
        start = 8 + int.from_bytes(content[:8], "little")
        for place in (*range(0, start, 13), start - 1, start, (start + len(content)) // 2, len(content) - 1):
            changed = bytearray(content)
            changed[place] ^= 1 << place % 8
            path.write_bytes(changed)
            with pytest.raises(DataError, match="checksum"):
                read_table(path)
        for length in (0, 7, 8, 100, start, len(content) - 1):
            path.write_bytes(content[:length])
            with pytest.raises(DataError, match="checksum"):
                read_table(path)
        path.write_bytes(content + b"\0")
        with pytest.raises(DataError, match="checksum"):
            read_table(path)

    @ALL
    def test_that_gives_numbers_which_are_not_finite_is_refused(self, name, tmp_path):
        table = ready(name)
        with torch.no_grad():
            for weight in table.parameters():
                weight.fill_(torch.nan)
        write_table(table, tmp_path / "table.safetensors")
        if any(not value.isfinite().all() for value in table.serving().values()):
            with pytest.raises(DataError, match="not finite"):
                read_table(tmp_path / "table.safetensors")
        else:  # what is stored are whole numbers
            assert read_table(tmp_path / "table.safetensors").reconstruct().isfinite().all()


class TestLookUp:
    @ALL
    def test_leaves_the_mode_as_it_was_and_no_row_depends_on_others(self, name):
        table = ready(name).train()
        table.reconstruct()
        assert lookup_ns(table, 64, 2) > 0
        assert table.training
        table.eval()
        rows = torch.randperm(n_rows(), generator=torch.Generator().manual_seed(0))[:40]
        with torch.no_grad():
            together = table.vectors(rows)
            alone = torch.cat([table.vectors(row.unsqueeze(0)) for row in rows])
        torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-6)
        assert not table.training


class TestGradient:
    @EACH_CHOICE
    def test_is_that_of_the_look_up(self, name):
        first = random_table(name, centred=True)
        if first.straight_through:
            pytest.skip("gradients pass by a rounding")
        self.check(first)
        if first.search_epochs:
            second = random_table(name, centred=True)
            trained(second).settle()
            self.check(second)

    def check(self, table):
        table.double().train()
        weights = [weight for weight in table.parameters() if weight.requires_grad]
        ids, lists = ids_of(table, 6), [[1, 2], [], [3, 3, 0]]

        def look_up(*_):
            bags = [table.pooled(field.name, bag_of(lists)).flatten() for field in fields() if field.bag]
            penalty = table.penalty().double().reshape(1)
            return torch.cat([table(ids).flatten(), *bags, *([penalty] if table.penalises else [])])

        assert look_up().dtype == torch.float64
        assert torch.autograd.gradcheck(look_up, weights, fast_mode=True, eps=1e-6, atol=1e-5)


def test_all_schemes_are_compressed_ones_with_defaults_but_full():
    assert {name for name in NODES if name not in BUDGETED} == {"full"}
    assert all(issubclass(type(scheme_of(name)), Compressed) for name in BUDGETED)


@WITH_BUDGET
def test_a_schema_of_one_field_is_enough(name):
    schema = Schema((Field("user", "user", 700),))
    table = ready(name, of=schema.fields).eval()
    assert table(ids_of(table, 5)).shape == (5, 1, DIM)
    table = ready(name, of=(Field("tags", "item", 700, bag=True),)).eval()
    assert table.pooled("tags", bag_of([[3, 699], []])).shape == (2, DIM)
