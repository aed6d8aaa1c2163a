"""Runs whose tables several processes share, from the command line."""

import json
import signal
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.torch import load_file

from tests.support.commands import TINY, cadc
from tests.support.processes import Command

SHARDED = "trainer.tables=sharded"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["embedding=hashing"], "the scheme is Hashing, whose tables fit into one process; set embedding=full"),
        (["embedding.dtype=float16"], "embedding.dtype is float16; leave embedding.dtype out"),
        (["model=two_tower"], "TwoTower ranks items, of each of which a process needs the vector"),
        (
            ["initializer=mf", "initializer.freeze=true", "factorization_rows=crossfit"],
            "set factorization_rows=full or complement",
        ),
    ],
)
def test_what_cannot_be_shared_is_refused(words, sentence):
    answer = cadc("train", *TINY, "trainer.devices=2", SHARDED, *words)
    assert answer.status
    assert sentence in answer.sentence


def test_one_process_has_all_rows():
    answer = cadc("train", *TINY, SHARDED)
    record = json.loads(Path(answer.records[0]).read_text())
    assert "ranks" not in record["environment"]


def test_a_stopped_run_is_resumed_by_other_processes_and_exported(tmp_path, monkeypatch):
    words = [*TINY[:-1], "trainer.max_epochs=4", "trainer.patience=null", "model.linear=true"]
    whole = Path(cadc("train", *words).records[0]).parent
    monkeypatch.setenv("CADC_RUNS", str(tmp_path / "others"))
    first = Command(["train", *words, "trainer.devices=2", SHARDED], tmp_path)
    while not list((tmp_path / "others").rglob("*.ckpt")) and first.is_running:
        time.sleep(0.02)
    first.send(signal.SIGINT)
    stopped = first.answer()
    assert stopped.status, stopped.err
    answer = Command(["train", *words, "trainer.devices=3", SHARDED], tmp_path).answer()
    assert answer.status == 0, answer.err
    assert "resumed" in answer.err
    (path,) = answer.records
    shared = Path(path).parent
    record = json.loads((shared / "record.json").read_text())
    assert record["environment"]["ranks"]["tables"] == "sharded"
    scores = [pd.read_parquet(folder / "scores.parquet")["probability"] for folder in (whole, shared)]
    assert np.abs(scores[0] - scores[1]).max() < 1e-5
    exported = cadc("export", shared.name, f"--output={tmp_path}/exported")
    assert exported.status == 0, exported.err
    expected, found = load_file(whole / "model.safetensors"), load_file(shared / "model.safetensors")
    assert {name: value.shape for name, value in found.items()} == {name: own.shape for name, own in expected.items()}
    assert all((found[name] - own).abs().max() < 1e-4 for name, own in expected.items())
    tables = load_file(tmp_path / "exported" / "tables.safetensors")
    assert len(tables["user"]) == 61
    assert (tables["user"] == found["embeddings.tables.0.weight"][:61]).all()
