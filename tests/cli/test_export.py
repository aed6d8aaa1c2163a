"""`cadc export`: tables and vocabularies that another framework can use in place of the model's lookups."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from cadc.ledger import Ledger
from cadc.serving import load_run
from tests.commands import cadc, folders, train


@pytest.fixture(scope="module")
def exported(session_cache, tmp_path_factory):
    """Folder of an exported run, with its log and model."""
    place = tmp_path_factory.mktemp("export")
    with folders(session_cache, place / "runs"):
        run_id = train("initializer=mf", "initializer.freeze=true").name
        answer = cadc("export", run_id[:10], "--output", place / "out")
        assert answer.status == 0, answer.err
        assert answer.out == f"{place / 'out'}\n"
        _, log, model = load_run(Ledger(), run_id)
    return place / "out", log, model


def vocabulary(folder, field):
    return pd.read_parquet(folder / f"vocabulary_{field}.parquet")["value"].to_numpy()


def test_there_is_a_vocabulary_for_each_field_and_nothing_that_runs_code(exported):
    folder, log, _ = exported
    assert {path.name for path in folder.iterdir()} == {
        "model.safetensors",
        "tables.safetensors",
        "record.json",
        *(f"vocabulary_{field.name}.parquet" for field in log.schema.fields),
    }
    assert json.loads((folder / "record.json").read_text())["status"] == "finished"


def test_tables_have_a_row_for_each_line_of_the_vocabulary(exported):
    folder, log, _ = exported
    tables = load_file(folder / "tables.safetensors")
    assert set(tables) == {field.name for field in log.schema.fields}
    for field in log.schema.fields:
        assert tables[field.name].dtype == torch.float32
        assert tables[field.name].shape == (len(vocabulary(folder, field.name)), 16)
        assert len(tables[field.name]) == field.vocabulary_size


def test_tables_and_vocabularies_reproduce_the_lookups_of_the_model(exported):
    folder, log, model = exported
    tables = load_file(folder / "tables.safetensors")
    rows = log.rows("test")
    batch = log.gather(rows)
    with torch.no_grad():
        looked_up = dict(zip(model.embeddings.field_names, model.embeddings(batch).unbind(1), strict=True))
    for column, field in enumerate(log.schema.single):
        assert torch.equal(tables[field.name][batch.ids[:, column]], looked_up[field.name])
    bag = batch.bags["tags"]
    for row, first in enumerate(bag.offsets.tolist()):
        last = bag.offsets[row + 1] if row + 1 < len(rows) else len(bag.values)
        expected = tables["tags"][bag.values[first:last]].mean(0)
        assert torch.allclose(expected, looked_up["tags"][row], atol=1e-6)


@pytest.mark.parametrize("side", ["user", "item"])
def test_a_raw_id_is_found_in_the_vocabulary_of_its_table(exported, side):
    folder, log, _ = exported
    values = vocabulary(folder, side)
    assert pd.isna(values[0])  # the first line is *unknown*
    rows = log.rows("test")
    ids = log.field_ids(side, rows).numpy()
    keys = log.entity_keys(side)[log.column(side, "test") - 1]
    assert np.array_equal(values[ids][ids > 0].astype(int), keys[ids > 0])
    assert not set(keys[ids == 0]) & set(values[1:].astype(int))


def test_weights_are_those_of_the_run(exported):
    folder, _, model = exported
    weights = load_file(folder / "model.safetensors")
    assert weights.keys() == model.state_dict().keys()
    assert all(torch.equal(value, weights[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("model", ["bias", "factorization", "oracle"])
def test_controls_can_be_exported(model, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    run_id = train(f"model={model}").name
    answer = cadc("export", run_id)
    assert answer.status == 0, answer.err
    assert answer.out == f"outputs/export-{run_id}\n"
    assert Path(f"outputs/export-{run_id}/tables.safetensors").exists()


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path):
    run_id = train("model=bias").name
    (tmp_path / "file").write_text("mine")
    answer = cadc("export", run_id, "--output", tmp_path / "file")
    assert answer.status == 1
    assert str(tmp_path / "file") in answer.sentence
