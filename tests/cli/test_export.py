"""`cadc export`: tables and vocabularies that another framework can use in place of the model's lookups."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from cadc.embeddings.initializers.table import TableInitializer
from cadc.ledger import Ledger
from cadc.randomness import torch_generator
from cadc.serving.export import tables_of
from cadc.serving.load import load_run
from tests.support.commands import cadc, folders, train


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
        "linear.safetensors",
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


def test_biases_alone_are_exported_to_parquet_without_vectors(tmp_path):
    run_id = train("model=bias").name
    for kind in ("safetensors", "parquet"):
        answer = cadc("export", run_id, "--format", kind, "--output", tmp_path / kind)
        assert answer.status == 0, answer.err
    found = load_file(tmp_path / "safetensors" / "factors.safetensors")
    table = pd.read_parquet(tmp_path / "parquet" / "factors_user.parquet")
    assert table.columns.tolist() == ["value", "bias"]
    assert np.array_equal(table["bias"], found["biases.user"].numpy())
    assert not (tmp_path / "parquet" / "user.parquet").exists()


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path):
    run_id = train("model=bias").name
    (tmp_path / "file").write_text("mine")
    answer = cadc("export", run_id, "--output", tmp_path / "file")
    assert answer.status == 2
    assert str(tmp_path / "file") in answer.sentence


def factor_logits(folder, batch, log):
    """z of each row, from the exported factors alone."""
    found = load_file(folder / "factors.safetensors")
    single = [field.name for field in log.schema.single]
    user, item = (batch.ids[:, single.index(name)].long() for name in ("user", "item"))
    n_folds = found["vectors.user"].shape[0] if found["vectors.user"].ndim == 3 else 1
    z = 0
    for fold in range(n_folds):
        u, v, b_u, b_i = (
            found[name] if n_folds == 1 else found[name][fold]
            for name in ("vectors.user", "vectors.item", "biases.user", "biases.item")
        )
        z = z + ((u[user] * v[item]).sum(1) + b_u[user] + b_i[item]) / n_folds
    return z, float(found["a"]), float(found["b"])


def network_parts(folder, batch, log):
    """What the DLRM looks up, its dense features and its layers, from the exported tables and weights."""
    tables, weights = load_file(folder / "tables.safetensors"), load_file(folder / "model.safetensors")

    def mlp(name, values, last_relu):
        numbers = sorted({int(key.split(".")[1]) for key in weights if key.startswith(f"{name}.")})
        for number in numbers:
            values = values @ weights[f"{name}.{number}.weight"].T + weights[f"{name}.{number}.bias"]
            if last_relu or number != numbers[-1]:
                values = values.relu()
        return values

    dense = mlp("bottom", batch.dense, last_relu=True)
    of_field = {field.name: tables[field.name][batch.ids[:, column]] for column, field in enumerate(log.schema.single)}
    of_field["tags"] = torch.stack(means_of_tags(tables["tags"], batch))
    return of_field, dense, mlp


def means_of_tags(table, batch):
    """The mean row of each bag of tags; zeros for an empty one."""
    bag = batch.bags["tags"]
    bounds = pairwise([*bag.offsets.tolist(), len(bag.values)])
    return [
        table[bag.values[first:last]].mean(0) if last > first else torch.zeros(table.shape[1:])
        for first, last in bounds
    ]


def linear_terms(folder, batch, log):
    """Sum of the linear terms of each row, from their exported weights alone."""
    found = load_file(folder / "linear.safetensors")
    terms = batch.dense @ found["dense"] + torch.stack(means_of_tags(found["weights.tags"], batch))
    return terms + sum(
        found[f"weights.{field.name}"][batch.ids[:, column]] for column, field in enumerate(log.schema.single)
    )


@pytest.mark.parametrize(
    "words",
    [
        ("factorization_rows=complement", "initializer=mf_bias", "initializer.freeze=true", "sampler.rate=0.3"),
        ("factorization_rows=crossfit", "factorization_folds=3", "initializer=mf", "initializer.freeze=true"),
        ("initializer=random", "initializer.unseen=unknown", "sampler.rate=0.1"),
        ("initializer=content", "data.n_rows=400"),
        ("model.interaction=both", "model.linear=true"),
    ],
    ids=["complement", "crossfit", "unknown", "content", "linear"],
)
def test_exported_tables_layers_and_factors_give_the_scores_of_a_residual_network(words, tmp_path):
    folder = train("model.residual=true", *words)
    answer = cadc("export", folder.name, "--output", tmp_path / "out")
    assert answer.status == 0, answer.err
    _, log, model = load_run(Ledger(), folder.name)
    batch = log.gather(log.rows("test"))
    of_field, dense, mlp = network_parts(tmp_path / "out", batch, log)
    vectors = torch.stack([*(of_field[name] for name in model.embeddings.field_names), dense], 1)
    first, second = torch.triu_indices(vectors.shape[1], vectors.shape[1], 1)
    products = (vectors[:, first] * vectors[:, second]).sum(2)
    z, a, b = factor_logits(tmp_path / "out", batch, log)
    inputs = [vectors[:, :-1].flatten(1)] if model.concatenates else []
    logits = a * z + b + mlp("top", torch.cat([*inputs, dense, products], 1), last_relu=False)[:, 0]
    if model.linear_terms is not None:
        logits = logits + linear_terms(tmp_path / "out", batch, log)
    saved = pd.read_parquet(folder / "scores.parquet")["probability"].to_numpy()
    np.testing.assert_allclose(torch.sigmoid(logits).numpy(), saved, atol=1e-6)
    assert b == 0


def test_parquet_holds_the_weights_of_linear_terms(tmp_path):
    run_id = train("model.linear=true").name
    assert cadc("export", run_id, "--format", "parquet", "--output", tmp_path / "out").status == 0
    _, log, model = load_run(Ledger(), run_id)
    for name, weights in model.linear_terms.weights(log.schema).items():
        table = pd.read_parquet(tmp_path / "out" / f"linear_{name}.parquet")
        assert list(table.columns) == ["value", "weight"]
        assert pd.isna(table["value"][0])
        assert np.array_equal(table["weight"], weights.numpy())
    (weight,) = json.loads((tmp_path / "out" / "linear.json").read_text())["dense"]
    assert weight == float(model.linear_terms.dense.detach()) != 0


@pytest.mark.parametrize("model", ["factorization", "platt"])
def test_exported_factors_give_the_scores_of_a_factorisation(model, tmp_path):
    folder = train(f"model={model}", "sampler.rate=0.5")
    assert cadc("export", folder.name, "--output", tmp_path / "out").status == 0
    _, log, _ = load_run(Ledger(), folder.name)
    z, a, b = factor_logits(tmp_path / "out", log.gather(log.rows("test")), log)
    saved = pd.read_parquet(folder / "scores.parquet")["probability"].to_numpy()
    np.testing.assert_allclose(torch.sigmoid(a * z + b).numpy(), saved, atol=1e-6)
    assert (a, b) == (1, 0) if model == "factorization" else a != 1


@pytest.mark.parametrize("kind", ["safetensors", "parquet"])
@pytest.mark.parametrize(
    "words", [("initializer=mf",), ("initializer=content", "data.n_rows=400")], ids=["mf", "content"]
)
def test_exported_tables_come_back_bit_for_bit(words, kind, tmp_path):
    run_id = train(*words).name
    answer = cadc("export", run_id, "--format", kind, "--output", tmp_path / "out")
    assert answer.status == 0, answer.err
    _, log, model = load_run(Ledger(), run_id)
    covers_cold = words[0] == "initializer=content"
    initializer = TableInitializer(path=str(tmp_path / "out"), covers_cold=covers_cold)
    tables = initializer.targets(log, 16, None, torch_generator(9, "tables"))
    exported = tables_of(model, log)
    assert set(exported) == {field.name for field in log.schema.fields}
    assert all(torch.equal(tables[name], exported[name]) for name in exported)


def test_parquet_holds_factors_and_their_part_of_the_score(tmp_path):
    run_id = train("model.residual=true", "factorization_rows=crossfit", "factorization_folds=2").name
    for kind in ("parquet", "safetensors"):
        assert cadc("export", run_id, "--format", kind, "--output", tmp_path / kind).status == 0
    found = load_file(tmp_path / "safetensors" / "factors.safetensors")
    table = pd.read_parquet(tmp_path / "parquet" / "factors_item.parquet")
    assert pd.isna(table["value"][0])
    for fold in (0, 1):
        assert np.array_equal(np.stack(table[f"vector_{fold}"]), found["vectors.item"][fold].numpy())
        assert np.array_equal(table[f"bias_{fold}"], found["biases.item"][fold].numpy())
    numbers = json.loads((tmp_path / "parquet" / "factors.json").read_text())
    assert numbers == {"a": float(found["a"]), "b": 0.0, "dense": None}
    assert not (tmp_path / "parquet" / "tables.safetensors").exists()


def test_a_run_that_starts_from_exported_tables_starts_there(tmp_path):
    first = train("initializer=mf", "seed=3").name
    assert cadc("export", first, "--output", tmp_path / "out").status == 0
    words = ("initializer=table", f"initializer.path={tmp_path / 'out'}", "initializer.freeze=true")
    run_id = train(*words).name
    _, log, model = load_run(Ledger(), run_id)
    _, _, before = load_run(Ledger(), first)
    one, two = tables_of(before, log), tables_of(model, log)
    assert all(torch.equal(one[name], two[name]) for name in one)
    # The same vectors elsewhere are the same run; other vectors at the same place are another.
    (tmp_path / "out").rename(tmp_path / "moved")
    assert train(words[0], f"initializer.path={tmp_path / 'moved'}", words[2]).name == run_id
    second = train("initializer=mf", "seed=4").name
    assert cadc("export", second, "--output", tmp_path / "out").status == 0
    assert train(*words).name != run_id
