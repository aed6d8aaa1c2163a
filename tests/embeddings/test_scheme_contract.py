"""What holds for every scheme of conf/embedding, with every choice that it offers."""

import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from cadc.data.schema import Field, Schema
from cadc.embeddings.collection import EmbeddingCollection
from cadc.embeddings.scheme import Compressed
from cadc.embeddings.stored import load_stored, stored_state
from cadc.embeddings.table_file import export, file_bytes, metadata_of, read_table, size_of, size_with
from cadc.errors import DataError, UsageError
from cadc.randomness import torch_generator
from tests.embeddings.schemes import (
    BUDGETED,
    DIM,
    LOWER,
    NODES,
    RATIO,
    VARIANTS,
    assert_same_bits,
    bag_of,
    fields,
    ids_of,
    known,
    log,
    looked_up,
    n_rows,
    random_table,
    ready,
    scheme_of,
    smallest,
    table_of,
    trained,
)

FULL = 4 * DIM
"""Bytes of a row of the full table."""

EACH_CHOICE = pytest.mark.parametrize("name", VARIANTS)
ALL = pytest.mark.parametrize("name", NODES)
WITH_BUDGET = pytest.mark.parametrize("name", [name for name in NODES if name in BUDGETED])


def targets(seed=0):
    """Dense targets of all fields, of a few directions, some noise and a mean that is not zero."""
    generator = torch.Generator().manual_seed(seed)
    basis = torch.randn(3, DIM, generator=generator)
    return [
        0.3 * torch.randn(field.vocabulary_size, 3, generator=generator) @ basis
        + 0.1 * torch.randn(field.vocabulary_size, DIM, generator=generator)
        + 0.2 * torch.randn(DIM, generator=generator)
        for field in fields()
    ]


def weights():
    return [known().counts[field.name] + 1 for field in fields()]


def weighted_error(table, wanted):
    squared = (table.reconstruct().double() - torch.cat(wanted)).square().sum(1)
    return float((squared * torch.cat(weights())).sum())


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

    @WITH_BUDGET
    def test_as_a_ratio_is_bytes_of_float32_vectors_by_bytes_of_the_file(self, name):
        scheme = scheme_of(name, ratio=5.0, budget=None)
        model = EmbeddingCollection(log().schema, scheme, starts(scheme), statistics=known())
        settle(model)
        (table,) = model.compressed_tables()
        assert set(table.names) == {field.name for field in fields()}
        assert len(file_bytes(table)) <= FULL * n_rows() / 5


class TestFile:
    @EACH_CHOICE
    @pytest.mark.parametrize("centred", [False, True])
    def test_gives_the_same_bits_again(self, name, centred, tmp_path):
        table = ready(name, centred=centred)
        path = tmp_path / "table.safetensors"
        export(table, path)
        table.eval()
        again = read_table(path)
        assert type(again) is type(table)
        assert not again.training
        assert_same_bits(looked_up(table), looked_up(again))
        assert torch.equal(table.reconstruct(), again.reconstruct())
        assert path.stat().st_size == len(file_bytes(table))
        assert path.read_bytes() == file_bytes(table) == file_bytes(again)

    @ALL
    def test_is_as_large_as_its_shapes_say(self, name, tmp_path):
        table = ready(name)
        shapes = {key: (value.dtype, value.shape) for key, value in table.serving().items()}
        own = {key: value for key, value in shapes.items() if key != "centre"}
        size = size_of(type(table), table.fields, DIM, table.centred, table.plan(), own)
        assert size == len(file_bytes(table)) == size_with(metadata_of(table), shapes)
        export(table, tmp_path / "table.safetensors")
        with safe_open(tmp_path / "table.safetensors", "pt") as file:  # any reader of safetensors takes it
            assert sorted(file.keys()) == sorted(shapes)
            assert json.loads(file.metadata()["plan"]) == json.loads(json.dumps(table.plan()))

    @ALL
    def test_follows_training_that_goes_on_after_an_evaluation(self, name, tmp_path):
        table = ready(name)
        table.eval()
        before = looked_up(table)
        trained(table, seed=5).eval()
        export(table, tmp_path / "table.safetensors")
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
            with pytest.raises(DataError, match="its checksum does not agree"):
                read_table(path)
        for length in (0, 7, 8, 100, start, len(content) - 1):
            path.write_bytes(content[:length])
            with pytest.raises(DataError, match="its checksum does not agree"):
                read_table(path)
        path.write_bytes(content + b"\0")
        with pytest.raises(DataError, match="its checksum does not agree"):
            read_table(path)

    @ALL
    def test_that_gives_numbers_which_are_not_finite_is_refused(self, name, tmp_path):
        table = ready(name)
        with torch.no_grad():
            for weight in table.parameters():
                weight.fill_(torch.nan)
        export(table, tmp_path / "table.safetensors")
        if any(not value.isfinite().all() for value in table.serving().values()):
            with pytest.raises(DataError, match="not finite"):
                read_table(tmp_path / "table.safetensors")
        else:  # what is stored are whole numbers
            assert read_table(tmp_path / "table.safetensors").reconstruct().isfinite().all()


class TestLookUp:
    @EACH_CHOICE
    @pytest.mark.parametrize("centred", [False, True])
    def test_equals_a_naive_loop_over_the_dense_table_and_empty_bags_are_zero(self, name, centred):
        table = ready(name, centred=centred).eval()
        dense, ids = table.reconstruct(), ids_of(table, 9)
        assert dense.shape == (n_rows(), DIM)
        with torch.no_grad():
            found = table(ids)
        single = [field for field in fields() if not field.bag]
        for row in range(len(ids)):
            for column, field in enumerate(single):
                expected = dense[table.first_row[field.name] + int(ids[row, column])]
                torch.testing.assert_close(found[row, column], expected, rtol=1e-5, atol=1e-6)
        assert table(ids[:0]).shape == (0, len(single), DIM)
        for field in (field for field in fields() if field.bag):
            last = field.vocabulary_size - 1
            lists = [[], [1, 2, 3], [last], [], [0, 0, last], []]
            with torch.no_grad():
                found = table.pooled(field.name, bag_of(lists))
                none = table.pooled(field.name, bag_of([[], []]))
            for row, values in enumerate(lists):
                expected = torch.zeros(DIM)
                for value in values:
                    expected += dense[table.first_row[field.name] + value] / len(values)
                torch.testing.assert_close(found[row], expected, rtol=1e-5, atol=1e-6)
            assert not found[[0, 3, 5]].any()
            assert none.shape == (2, DIM) and not none.any()

    @ALL
    def test_leaves_the_mode_as_it_was_and_no_row_depends_on_others(self, name):
        table = ready(name).train()
        table.reconstruct()
        assert table.lookup_ns(64, 2) > 0
        assert table.training
        table.eval()
        rows = torch.randperm(n_rows(), generator=torch.Generator().manual_seed(0))[:40]
        with torch.no_grad():
            together = table.vectors(rows)
            alone = torch.cat([table.vectors(row.unsqueeze(0)) for row in rows])
        torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-6)
        assert not table.training

    @ALL
    def test_of_ids_outside_the_vocabulary_is_a_data_error(self, name):
        table = table_of(name)
        single = [field for field in fields() if not field.bag]
        for column, field in enumerate(single):
            for wrong in (-1, field.vocabulary_size, 2**31 - 1, -(2**31)):
                ids = ids_of(table, 3)
                ids[1, column] = wrong
                with pytest.raises(DataError, match=rf"id {wrong} is outside the vocabulary of {field.name}"):
                    table(ids)
        for field in (field for field in fields() if field.bag):
            for wrong in (-1, field.vocabulary_size):
                with pytest.raises(DataError, match=rf"id {wrong} is outside the vocabulary of {field.name}"):
                    table.pooled(field.name, bag_of([[1], [0, wrong]]))


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

    @EACH_CHOICE
    def test_is_finite_and_reaches_all_that_is_trained(self, name):
        first = random_table(name)
        self.check_reach(first)
        if first.search_epochs:
            second = random_table(name)
            trained(second).settle()
            self.check_reach(second)

    def check_reach(self, table):
        table.train()
        generator = torch.Generator().manual_seed(3)
        rows = torch.arange(n_rows())
        loss = (table.vectors(rows) * torch.randn(n_rows(), DIM, generator=generator)).sum()
        (loss + table.penalty() if table.penalises else loss).backward()
        found = {key: weight.grad for key, weight in table.named_parameters() if weight.requires_grad}
        assert found
        for key, gradient in found.items():
            assert gradient is not None, key
            assert gradient.isfinite().all(), key
            assert gradient.any(), key


class TestStart:
    @EACH_CHOICE
    @pytest.mark.parametrize("centred", [False, True])
    def test_from_a_target_is_better_than_from_random_values_and_than_zero(self, name, centred):
        wanted = targets()
        table = table_of(name, centred=centred)
        std = float(torch.cat(wanted).std())
        dense = [std * torch.randn(len(own), DIM, generator=torch.Generator().manual_seed(7)) for own in wanted]
        table.initialise_from(dense if table.holds_rows else [None] * len(wanted), weights(), std)
        at_random = weighted_error(table, wanted)
        table.initialise_from(wanted, weights(), std)
        found = weighted_error(table, wanted)
        assert found <= at_random
        means = [(own * w.unsqueeze(1)).sum(0) / w.sum() for own, w in zip(wanted, weights(), strict=True)]
        around = [own - mean if centred else own for own, mean in zip(wanted, means, strict=True)]
        zero = float((torch.cat(around).double().square().sum(1) * torch.cat(weights())).sum())
        assert found <= zero * (1 + 1e-6)

    @WITH_BUDGET
    def test_from_a_target_is_no_worse_with_more_bytes_and_near_where_all_rows_fit(self, name):
        wanted, full = targets(), FULL * n_rows()
        errors = []
        for budget in (full // 12, full // 3, 2 * full):
            try:
                table = table_of(name, budget)
            except UsageError as error:
                table = table_of(name, smallest(error))
            table.initialise_from(wanted, weights())
            errors.append(weighted_error(table, wanted))
        zero = float((torch.cat(wanted).double().square().sum(1) * torch.cat(weights())).sum())
        assert errors[2] <= 1.02 * errors[0]
        assert errors[2] < 0.7 * zero
        if table.holds_rows:
            assert errors[2] < 0.05 * zero

    @ALL
    def test_from_targets_of_some_fields_leaves_the_others_random(self, name):
        wanted = targets()
        table = table_of(name)
        std = 0.25
        dense = [std * torch.randn(len(own), DIM, generator=torch.Generator().manual_seed(7)) for own in wanted]
        given = [own if index % 2 == 0 else None for index, own in enumerate(wanted)]
        if table.holds_rows:
            given = [own if own is not None else dense[index] for index, own in enumerate(given)]
        table.initialise_from(given, weights(), std, torch.Generator().manual_seed(0))
        assert table.reconstruct().isfinite().all()
        assert table.psnr is None or 0 < table.psnr < 400

    @ALL
    def test_psnr_is_that_of_the_target(self, name):
        wanted = targets()
        table = table_of(name)
        table.initialise_from(wanted, weights())
        dense = torch.cat(wanted).double()
        squared = float((table.reconstruct().double() - dense).square().mean())
        if squared == 0:
            assert table.psnr is None
        else:
            peak = float(dense.max() - dense.min())
            assert table.psnr == pytest.approx(float(10 * torch.tensor(peak**2 / squared).log10()), abs=1e-3)
        table.initialise_from([None] * len(wanted)) if not table.holds_rows else None
        assert table.holds_rows or table.psnr is None

    @ALL
    def test_at_random_has_about_the_standard_deviation_that_is_asked_for(self, name):
        table = random_table(name, std=0.2).eval()
        found = table.reconstruct()
        if name.startswith("row_dimension"):  # zero beyond the length of a row
            found = found[found != 0]
            assert len(found) > table.n_rows * DIM / 10
        assert float(found.std()) == pytest.approx(0.2, rel=0.4)

    @ALL
    def test_is_the_same_for_a_generator_and_another_for_another(self, name):
        one, again, other = (random_table(name, seed=seed) for seed in (5, 5, 6))
        assert file_bytes(one) == file_bytes(again)
        assert not torch.equal(one.reconstruct(), other.reconstruct())
        before = torch.random.get_rng_state()
        ready(name)
        assert torch.equal(torch.random.get_rng_state(), before), "the global generator is left alone"

    @ALL
    def test_from_a_target_of_another_shape_is_an_error(self, name):
        table = table_of(name)
        wanted = targets()
        for wrong in (wanted[3][:-1], wanted[3][:, :-1], wanted[3][0], wanted[3].unsqueeze(0)):
            with pytest.raises(ValueError, match=f"the target of {fields()[3].name} has the shape"):
                table.initialise_from([*wanted[:3], wrong, *wanted[4:]])
        with pytest.raises(ValueError):
            table.initialise_from(wanted[:-1])


class Model(nn.Module):
    """Nothing but the tables of a recommender, and a layer after them."""

    def __init__(self, name, small=10, seed=0, frozen=()):
        super().__init__()
        options = {"ratio": LOWER.get(name, RATIO), "budget": None, "small": small} if name in BUDGETED else {}
        scheme = scheme_of(name, **options)
        start = starts(scheme, seed)
        self.embeddings = EmbeddingCollection(
            log().schema,
            scheme,
            start,
            frozen,
            statistics=known(),
            generator=torch_generator(seed, "scheme"),
        )
        self.last = nn.Linear(DIM, 1)


def starts(scheme, seed=0):
    """Starting values as initializers give them: none where the scheme draws its own."""
    generator = torch.Generator().manual_seed(seed)
    found = {}
    for field in log().schema.fields:
        own = 0.1 * torch.randn(field.vocabulary_size, DIM, generator=generator)
        is_dense = scheme.table_class.holds_rows or not scheme.is_compressed(field)
        found[field.name] = own if is_dense else None
    return found


def settle(model, steps=3):
    for table in model.tables if isinstance(model, EmbeddingCollection) else model.embeddings.tables:
        if table.search_epochs:
            trained(table, steps)
            table.settle()
        trained(table, seed=1)
    return model


class TestModel:
    @EACH_CHOICE
    def test_weights_that_are_stored_give_the_same_bits_in_a_new_model(self, name, tmp_path):
        model = settle(Model(name))
        save_file({key: value.contiguous() for key, value in stored_state(model).items()}, tmp_path / "model")
        stored = load_file(tmp_path / "model")
        again = Model(name)
        load_stored(again, stored)
        model.eval(), again.eval()
        batch = log().gather(log().rows("test"))
        with torch.no_grad():
            assert torch.equal(model.embeddings(batch), again.embeddings(batch))
        assert {key: value.tolist() for key, value in stored_state(again).items()} == {
            key: value.tolist() for key, value in stored_state(model).items()
        }
        for one, two in zip(model.embeddings.tables, again.embeddings.tables, strict=True):
            assert file_bytes(one) == file_bytes(two)

    @ALL
    def test_weights_of_another_model_are_refused_and_named(self, name):
        model = settle(Model(name))
        whole = stored_state(model)
        (table,) = model.embeddings.compressed_tables()
        prefix = f"embeddings.tables.{list(model.embeddings.tables).index(table)}."
        of_table = [key for key in whole if key.startswith(prefix)]
        floats = [key for key in of_table if whole[key].is_floating_point()]
        for key in of_table:
            value = whole[key]
            rest = {other: whole[other] for other in whole if other != key}
            other = torch.float64 if value.dtype != torch.float64 else torch.float32
            for damaged in (
                rest,
                whole | {f"{key}_2": value},
                whole | {key: torch.cat([value.flatten()] * 3)},
                whole | {key: value.to(other)},
                *([whole | {key: torch.full_like(value, torch.nan)}] if key in floats else []),
            ):
                with pytest.raises(ValueError, match=key.rpartition(".")[2]):
                    load_stored(Model(name), damaged)

    @WITH_BUDGET
    def test_a_frozen_table_stays_as_it_is(self, name):
        names = [field.name for field in fields()]
        model = Model(name, small=0, frozen=names)
        (table,) = model.embeddings.compressed_tables()
        assert not any(weight.requires_grad for weight in table.parameters())
        assert not table(ids_of(table, 4)).requires_grad


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
