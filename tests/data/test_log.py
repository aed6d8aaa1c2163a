import numpy as np
import pytest
import torch

from cadc.data.batches import BatchLoader
from cadc.data.log import InteractionLog
from cadc.data.prepare import prepare
from cadc.data.schema import Field, Schema
from cadc.data.split.random import RandomSplit
from cadc.data.split.split import SPLITS
from cadc.errors import DataError
from tests.support.helpers import ListSource, small_synthetic_log


def test_gather_equals_a_naive_join_in_the_order_of_the_rows_asked_for():
    log = small_synthetic_log()
    rows = torch.tensor([17, 3, 5999, 3, 0])
    batch = log.gather(rows)
    ids = {side: np.load(log.folder / f"{side}_ids.npy") for side in ("user", "item")}
    values, offsets = (np.load(log.folder / f"item_bag_tags{end}.npy") for end in ("", "_offsets"))
    for place, row in enumerate(rows.tolist()):
        user, item = log.column("user")[row], log.column("item")[row]
        expected = [*ids["user"][user], *ids["item"][item], *log.column("context_ids")[row]]
        assert batch.ids[place].tolist() == expected
        bounds = [*batch.bags["tags"].offsets.tolist(), len(batch.bags["tags"].values)]
        bag = batch.bags["tags"].values[bounds[place] : bounds[place + 1]]
        assert bag.tolist() == values[offsets[item] : offsets[item + 1]].tolist()
        assert batch.dense[place].tolist() == log.column("dense")[row].tolist()
        assert batch.label[place] == log.column("label")[row]
        assert batch.oracle[place] == log.column("oracle")[row]
    assert len(batch) == 5
    assert batch.ids.dtype == torch.int32
    assert batch.label.dtype == batch.dense.dtype == torch.float32


def test_field_ids_and_labels_equal_those_of_a_batch():
    log = small_synthetic_log()
    rows = torch.randperm(6000)[:100]
    batch = log.gather(rows)
    for column, field in enumerate(log.schema.single):
        assert torch.equal(log.field_ids(field.name, rows), batch.ids[:, column])
    assert torch.equal(log.labels(rows), batch.label)


def test_entities_without_any_bag_value_give_empty_bags():
    log = prepare(ListSource([(0, n % 2, n % 3, "am") for n in range(30)], ["F"], [[], []]), RandomSplit())
    batch = log.gather(log.rows("train"))
    assert batch.bags["tags"].values.numel() == 0
    assert batch.bags["tags"].offsets.tolist() == [0] * len(batch)


def test_unknown_entity_joins_as_unknown_everywhere():
    log = small_synthetic_log()
    nobody = torch.zeros(2, dtype=torch.int32)
    batch = log.join({"user": nobody, "item": nobody}, torch.zeros(2, 1, dtype=torch.int32), torch.zeros(2, 1), nobody)
    assert not batch.ids.any()
    assert batch.bags["tags"].values.numel() == 0


def test_rows_lie_in_the_order_of_the_splits():
    log = small_synthetic_log()
    assert torch.cat([log.rows(split) for split in SPLITS]).tolist() == list(range(6000))
    whole = np.concatenate([log.column("label", split) for split in SPLITS])
    assert (whole == log.column("label")).all()
    positives = {split: int(log.column("label", split).sum()) for split in SPLITS}
    assert positives == log.meta["positives"]


def test_batches_hold_every_row_once_and_shuffle_anew_each_epoch():
    log = small_synthetic_log()
    rows = log.rows("validation")
    loader = BatchLoader(log, rows, 64, torch.Generator().manual_seed(0))
    first, second = ([tuple(row) for batch in loader for row in batch.dense.tolist()] for _ in range(2))
    ordered = [tuple(row) for row in log.gather(rows).dense.tolist()]
    assert len(loader) == 10
    assert sorted(first) == sorted(second) == sorted(ordered)
    assert first != second
    assert [tuple(row) for batch in BatchLoader(log, rows, 64) for row in batch.dense.tolist()] == ordered


def test_absent_column_field_and_log_are_named(tmp_path):
    log = small_synthetic_log()
    with pytest.raises(DataError, match="no column 'price'"):
        log.column("price")
    with pytest.raises(DataError, match="no field 'price'"):
        log.field_ids("price", log.rows("test"))
    with pytest.raises(DataError, match="prepared log"):
        InteractionLog(tmp_path)
    (tmp_path / "meta.json").write_text("{")
    with pytest.raises(DataError, match="prepared log"):
        InteractionLog(tmp_path)


def test_schema_orders_fields_by_side_and_survives_json():
    fields = (
        Field("hour", "context", 3),
        Field("item", "item", 4),
        Field("tags", "item", 5, bag=True),
        Field("user", "user", 6),
    )
    schema = Schema(fields, ("price",))
    assert [field.name for field in schema.single] == ["user", "item", "hour"]
    assert [field.name for field in schema.bags] == ["tags"]
    assert Schema.from_json(schema.to_json()) == schema
    assert "user" in schema
    assert "price" not in schema


@pytest.mark.parametrize("name", ["", "1st", "a/b", "a b", "../x"])
def test_field_names_that_could_not_be_file_names_are_refused(name):
    with pytest.raises(DataError, match="a field is named"):
        Field(name, "user")


def test_columns_named_twice_are_refused():
    with pytest.raises(DataError, match="duplicated"):
        Schema((Field("user", "user"), Field("price", "item")), ("price",))


@pytest.mark.parametrize("number", [2**30, -1])
@pytest.mark.parametrize("column", ["user", "item"])
def test_a_row_that_names_what_is_not_there_is_found_when_it_is_asked_for(column, number, empty_cache):
    log = small_synthetic_log()
    path = log.folder / f"{column}.npy"
    values = np.load(path)
    values[7] = number
    np.save(path, values)
    damaged = InteractionLog(log.folder)
    assert len(damaged.gather(torch.tensor([6, 8]))) == 2
    for read in (damaged.gather, lambda rows: damaged.field_ids(column, rows)):
        with pytest.raises(DataError, match=r"is damaged.*delete"):
            read(torch.tensor([6, 7]))
    with pytest.raises(DataError, match=f"{column}.npy is damaged"):
        damaged.column(column)


def test_a_label_that_is_none_is_not_judged(empty_cache):
    log = small_synthetic_log()
    values = np.load(log.folder / "label.npy")
    values[-1] = np.nan
    np.save(log.folder / "label.npy", values)
    with pytest.raises(DataError, match=r"label\.npy is damaged"):
        InteractionLog(log.folder).column("label", "test")
