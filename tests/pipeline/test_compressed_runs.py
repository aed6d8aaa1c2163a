"""Runs with compressed tables, start to end: trained, broken off, verified, scored again and exported."""

import json
from contextlib import suppress

import numpy as np
import pandas as pd
import pytest
import torch

from cadc.data.batches import whole_tiles
from cadc.embeddings.base.table_file import read_table
from cadc.ledger import Ledger
from cadc.ledger.record_hash import record_hash, seal
from cadc.pipeline.build import open_log
from cadc.pipeline.run import run
from cadc.pipeline.settings import Settings
from cadc.serving.export import linear_of, tables_of
from cadc.serving.load import load_run
from cadc.training.checkpoints import CheckpointFolder
from tests.cli.test_predict import raw_rows
from tests.embeddings.support.schemes import NODES
from tests.support.commands import TINY, cadc, folders, train

FIRST = "embeddings.tables.0"
BUDGET = ("embedding.small=20", "embedding.ratio=4", "embedding.dim=8")
WORDS = {
    "random": ("embedding=hashing", *BUDGET),
    "enriched": ("embedding=hashing", *BUDGET, "initializer=mf", "sampler.rate=0.5"),
    "frozen": ("embedding=hashing", *BUDGET, "initializer=mf_bias", "initializer.freeze=[item]", "sampler.rate=0.5"),
    "unknown": ("embedding=hashing", *BUDGET, "initializer.unseen=unknown", "sampler.rate=0.1"),
    "half": ("embedding=full", "embedding.dtype=float16"),
    "folds": (
        "embedding.dtype=bfloat16",
        "factorization_rows=crossfit",
        "factorization_folds=2",
        "initializer=mf",
        "initializer.freeze=true",
    ),
    "towers": ("embedding=hashing", *BUDGET, "data/split=leave_one_out", "model=two_tower", "trainer=ranking"),
}


@pytest.fixture(scope="module")
def finished(session_cache, tmp_path_factory):
    """Folders of runs, in one ledger."""
    with folders(session_cache, tmp_path_factory.mktemp("compressed") / "runs"):
        return {name: train(*words) for name, words in WORDS.items()}


@pytest.fixture
def ledger(finished, monkeypatch):
    monkeypatch.setenv("CADC_RUNS", str(finished["random"].parent))
    return Ledger()


def test_all_runs_are_verified(ledger):
    answer = cadc("ledger", "verify")
    assert answer.status == 0, answer.out + answer.err
    assert "7 runs verified, no faults" in answer.out


@pytest.mark.parametrize("name", ["random", "enriched", "frozen", "unknown", "half", "folds"])
def test_new_rows_get_the_scores_that_the_run_saved(name, finished, ledger, tmp_path):
    raw_rows().to_parquet(tmp_path / "rows.parquet")
    answer = cadc("predict", finished[name].name, tmp_path / "rows.parquet", "--output", tmp_path / "scored.parquet")
    assert answer.status == 0, answer.err
    scored = pd.read_parquet(tmp_path / "scored.parquet")["probability"]
    assert np.array_equal(scored, pd.read_parquet(finished[name] / "scores.parquet")["probability"])


@pytest.mark.parametrize("kind", ["safetensors", "parquet"])
@pytest.mark.parametrize("name", WORDS)
def test_exported_files_have_the_bytes_of_the_record_and_the_vectors_of_the_model(
    name, kind, finished, ledger, tmp_path
):
    answer = cadc("export", finished[name].name, "--format", kind, "--output", tmp_path)
    assert answer.status == 0, answer.err
    record, log, model = load_run(ledger, finished[name].name)
    files = record["tables"]["files"]
    folder = tmp_path / "compressed"
    assert {path.name for path in folder.iterdir()} == {
        *(f"{table}.safetensors" for table in files),
        *(f"vocabulary_{field.name}.parquet" for field in log.schema.fields),
    }
    for table, file in files.items():
        assert (folder / f"{table}.safetensors").stat().st_size == file["bytes"]
    compressed = [file["bytes"] for file in files.values() if file["is_compressed"]]
    assert record["tables"]["bytes"] == sum(compressed)
    of_vectors, of_weights = tables_of(model, log), linear_of(model, log)
    seen = set()
    for table in files:
        dense = of_vectors
        if table.startswith("linear_terms."):
            dense = {field.name: of_weights[f"weights.{field.name}"].unsqueeze(1) for field in log.schema.fields}
        served = read_table(folder / f"{table}.safetensors")
        sizes = [field.vocabulary_size for field in served.fields]
        for field, vectors in zip(served.names, served.reconstruct().split(sizes), strict=True):
            vocabulary = pd.read_parquet(folder / f"vocabulary_{field}.parquet")
            assert vocabulary["value"].iloc[1:].tolist() == log.vocabulary(field).tolist()
            assert torch.equal(vectors[torch.tensor(vocabulary["row"].tolist())], dense[field])
            seen.add(field)
    assert seen == {field.name for field in log.schema.fields}


def test_an_export_over_another_leaves_no_tables_of_the_other(finished, ledger, tmp_path):
    for name in ("frozen", "random"):
        assert cadc("export", finished[name].name, "--output", tmp_path).status == 0
    tables = ledger.record(finished["random"].name)["tables"]["files"]
    assert {path.stem for path in (tmp_path / "compressed").glob("*.safetensors")} == set(tables)


def test_a_ratio_is_kept_and_the_record_names_the_fields_that_stay_full(finished, ledger):
    for name in ("random", "enriched", "frozen", "towers"):
        tables = ledger.record(finished[name].name)["tables"]
        assert 4 <= tables["ratio"] < 4.3
        assert 1 < tables["ratio_model"] < tables["ratio"]
        assert set(tables["full"]) == {"age", "gender", "category"}
        assert (tables["psnr"] is None) == (name in ("random", "towers"))
    assert ledger.record(finished["half"].name)["tables"]["full"] == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda tables: tables.update(bytes=tables["bytes"] - 1), "tables.bytes is"),
        (lambda tables: tables.update(ratio=tables["ratio"] * 2), "tables.ratio is"),
        (lambda tables: tables.update(ratio_model=None), "tables.ratio_model is"),
        (lambda tables: tables["files"]["embeddings.tables.0"].update(bytes=1), "embeddings.tables.0 takes"),
        (
            lambda tables: tables["files"]["embeddings.tables.0"]["header"].update(plan="{}"),
            "embeddings.tables.0 takes",
        ),
        (lambda tables: tables["files"]["embeddings.tables.0"].update(header=[]), "is not valid"),
        (lambda tables: tables["files"].pop("embeddings.tables.0"), "tables.bytes|is not valid"),
        (lambda tables: tables.update(files={"x": {"header": {"fields": "[" * 99_999}}}), "is not valid"),
    ],
)
def test_a_record_that_says_something_else_of_its_tables_is_found_out(change, said, tmp_path):
    folder = train(*WORDS["random"])
    path = folder / "record.json"
    record = json.loads(path.read_text())
    change(record["tables"])
    path.write_text(json.dumps(record, indent=1))
    assert cadc("ledger", "verify").status == 1
    seal(path)
    answer = cadc("ledger", "verify")
    assert answer.status == 1
    assert pd.Series(answer.out.splitlines()).str.contains(said).any(), answer.out


def test_the_time_of_a_look_up_is_no_difference_but_sealed(finished, ledger):
    path = finished["random"] / "record.json"
    before = path.read_text()
    record = json.loads(before)
    record["tables"]["lookup_ns"] *= 3
    path.write_text(json.dumps(record, indent=1))
    try:
        answer = cadc("ledger", "verify", finished["random"].name)
        assert answer.status == 1
        assert "record.json was changed after it was written" in answer.out
        assert record["record_hash"] == record_hash(record), "that which equal runs share"
        seal(path)
        assert cadc("ledger", "verify", finished["random"].name).status == 0
    finally:
        path.write_text(before)


def test_what_differs_between_two_ways_of_storing(finished, ledger):
    answer = cadc("ledger", "diff", finished["random"].name, finished["enriched"].name)
    assert answer.status in (0, 1)
    assert "tables.psnr" in answer.out
    # A clock may give two medians alike.
    measured = {ledger.record(finished[name].name)["tables"]["lookup_ns"] for name in ("random", "enriched")}
    assert ("lookup_ns" in answer.out) == (len(measured) == 2)


SEARCHING = [name for name, node in NODES.items() if "search_epochs" in node]


@pytest.mark.parametrize("name", [name for name in NODES if name != "full"])
def test_every_scheme_trains_is_verified_and_gives_its_scores_again(name, tmp_path):
    few = {"search_epochs": 1, "steps": 20}
    own = [f"embedding.{option}={value}" for option, value in few.items() if option in NODES[name]]
    folder = train(f"embedding={name}", *BUDGET, *own, "trainer.max_epochs=1")
    answer = cadc("ledger", "verify")
    assert answer.status == 0, answer.out
    record, log, model = load_run(Ledger(), folder.name)
    assert record["tables"]["ratio"] >= 4
    with torch.inference_mode():
        rows = log.rows("test")
        found = model(log.gather(whole_tiles(rows))).double().sigmoid()[: len(rows)].numpy()
    assert np.array_equal(found, pd.read_parquet(folder / "scores.parquet")["probability"])


class Killed(BaseException):
    """Stands for the end of a process."""


@pytest.mark.parametrize("name", ["hashing", *SEARCHING])
def test_a_run_that_is_killed_after_every_checkpoint_ends_as_one_that_was_not(name, tmp_path, monkeypatch):
    settings = Settings.compose([*TINY, f"embedding={name}", *BUDGET, "data.n_users=300", "data.n_items=300"])
    open_log(settings)
    for place in ("once", "again"):
        (tmp_path / place).mkdir()
    run(settings, "x", "y", tmp_path / "once", tmp_path / "checkpoints-once")
    save = CheckpointFolder.save

    def save_and_die(self, write):
        save(self, write)
        raise Killed

    n_kills = 0
    while not list((tmp_path / "again").iterdir()):
        with monkeypatch.context() as patch, suppress(Killed):
            n_kills += 1
            assert n_kills < 50
            patch.setattr(CheckpointFolder, "save", save_and_die)
            run(settings, "x", "y", tmp_path / "again", tmp_path / "checkpoints")
    assert n_kills >= 3
    for file in ("model.safetensors", "scores.parquet", "metrics.csv"):
        assert (tmp_path / "once" / file).read_bytes() == (tmp_path / "again" / file).read_bytes(), file
    one, two = (json.loads((tmp_path / place / "record.json").read_text()) for place in ("once", "again"))
    for record in (one, two):
        del record["tables"]["lookup_ns"]
    assert one["tables"] == two["tables"]
    assert one["metrics"] == two["metrics"]
    assert one["cost"]["epochs"] == two["cost"]["epochs"]


def test_a_budget_that_cannot_be_met_is_a_sentence_with_one_that_can():
    words = ("embedding=hashing", "embedding.small=20", "embedding.budget=100")
    answer = cadc("train", *TINY, *words)
    assert answer.status != 0
    assert "the embedding budget is 100 bytes, and 1 rows take" in answer.err
    least = answer.err.split(" take ")[1].split()[0]
    assert cadc("train", *TINY, *words[:-1], f"embedding.budget={least}").status == 0
