"""`cadc data export`: another framework gets the rows that a run trains on, and what its tables start from."""

import json

import numpy as np
import pandas as pd
import pytest
import yaml
from safetensors.torch import load_file

from cadc.data.layouts.lenskit import LensKitFiles
from cadc.data.sources import RecBole
from cadc.pipeline.build import draw_sample, open_log
from cadc.pipeline.settings import Settings
from tests.support.commands import cadc, train

SMALL = ("data.n_rows=3000", "data.n_users=60", "data.n_items=80")
SAMPLE = (*SMALL, "sampler.rate=0.1", "seed=3")
CROSS_FITTED = ("initializer.freeze=true", "factorization_rows=crossfit")
ENRICHED = (*SAMPLE, "initializer=mf", "factorization.max_epochs=2")


@pytest.fixture(scope="module")
def run():
    settings = Settings.compose(["data=synthetic", *SAMPLE])
    log = open_log(settings)
    return log, draw_sample(settings, log)


def pairs(log, rows):
    return [
        log.entity_keys(side)[log.entity_rows(side, rows).numpy() - 1].astype(str).tolist() for side in ("user", "item")
    ]


def test_the_training_part_is_the_sample_of_the_run(tmp_path, run):
    log, sample = run
    assert len(sample.rows) == 240
    answer = cadc("data", "export", "synthetic", *SAMPLE, "--layout", "lenskit", "--output", tmp_path / "out")
    assert (answer.status, answer.out, answer.err) == (0, f"{tmp_path / 'out'}\n", "")
    rows = {"train": sample.rows, "validation": log.rows("validation"), "test": log.rows("test")}
    for part, own in rows.items():
        found = pd.read_parquet(tmp_path / "out" / f"{part}.parquet")
        assert [found["user_id"].tolist(), found["item_id"].tolist()] == pairs(log, own)
        assert found["rating"].tolist() == log.labels(own).tolist()
    facts = json.loads((tmp_path / "out" / "export.json").read_text())
    assert facts["rows"] == {part: len(own) for part, own in rows.items()}
    assert facts["data"]["content_hash"] == log.content_hash
    assert facts["vectors"] == {}


def test_vectors_are_what_the_tables_of_the_run_start_from(tmp_path):
    folder = tmp_path / "out"
    answer = cadc("data", "export", "synthetic", *ENRICHED, "--layout", "lenskit", "--output", folder)
    assert answer.status == 0, answer.err
    run_id = train("data=synthetic", *ENRICHED, "initializer.freeze=true", "trainer.max_epochs=1").name
    assert cadc("export", run_id, "--output", tmp_path / "run").status == 0
    tables = load_file(tmp_path / "run" / "tables.safetensors")
    for field in ("user", "item"):
        found = pd.read_parquet(folder / f"vectors_{field}.parquet")
        assert found["value"].isna().tolist() == [True] + [False] * (len(found) - 1)
        np.testing.assert_array_equal(np.stack(found["vector"]), tables[field].numpy())
        own = pd.read_parquet(tmp_path / "run" / f"vocabulary_{field}.parquet")["value"]
        assert found["value"][1:].tolist() == own[1:].astype(str).tolist()
    answer = cadc(
        "data", "export", "synthetic", *SAMPLE, "initializer=table", f"initializer.path={folder}/vectors_item.parquet",
        "initializer.fields=[item]", "--layout", "lightgcn", "--output", tmp_path / "again",
    )  # fmt: skip
    assert answer.status == 0, answer.err
    ids = pd.read_csv(tmp_path / "again" / "item_list.txt", sep=" ", dtype=str)["org_id"]
    by_id = dict(zip(ids, np.load(tmp_path / "again" / "item_vectors.npy"), strict=True))
    for value, vector in zip(found["value"][1:], found["vector"][1:], strict=True):
        np.testing.assert_array_equal(by_id[value], vector)


def test_only_positive_rows_are_written_if_asked(tmp_path, run):
    log, sample = run
    answer = cadc(
        "data", "export", "synthetic", *SAMPLE, "--layout", "recbole", "--positives", "--output", tmp_path / "o"
    )
    n_positive = int(log.labels(sample.rows).sum())
    assert f"train: {240 - n_positive} of 240 rows have the label 0 and are left out" in answer.err
    raw = RecBole(str(tmp_path / "o")).read()
    assert len(next(iter(raw.chunks)).label) == n_positive
    answer = cadc("data", "export", "synthetic", *SAMPLE, "--layout", "lightgcn", "--output", tmp_path / "l")
    assert "the layout of LightGCN has no room for" in answer.err
    assert sum(len(line.split()) - 1 for line in (tmp_path / "l" / "train.txt").read_text().splitlines()) == n_positive


def test_columns_are_left_out_if_asked(tmp_path):
    words = ("data", "export", "synthetic", *SAMPLE, "--layout", "recbole", "--output", tmp_path / "shop")
    log = open_log(Settings.compose(["data=synthetic", *SAMPLE]))
    name = next(field.name for field in log.schema.fields if field.side == "item" and field.name != "item")
    answer = cadc(*words, "--without", "nothing")
    assert answer.status == 2
    assert answer.sentence.startswith("cadc: --without nothing is not a column that can be left out; choose from ")
    assert cadc(*words, "--without", name).status == 0
    read = RecBole(str(tmp_path / "shop")).read().schema
    assert name not in read
    assert {field.name for field in log.schema.fields} - {name} == {field.name for field in read.fields}


def test_a_folder_with_files_stays_as_it_is(tmp_path):
    (tmp_path / "note").write_text("mine")
    answer = cadc("data", "export", "synthetic", *SAMPLE, "--layout", "recbole", "--output", tmp_path)
    assert answer.status == 2
    assert answer.sentence == f"cadc: {tmp_path} is not empty; name a new folder, or empty this one."
    assert [path.name for path in tmp_path.iterdir()] == ["note"]


def test_nothing_is_left_of_an_export_that_fails(tmp_path, monkeypatch):
    def fail(self, content, folder):
        (folder / "half").write_text("x")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(LensKitFiles, "write", fail)
    words = ("data", "export", "synthetic", *SAMPLE, "--layout", "lenskit", "--output", tmp_path / "a" / "b")
    answer = cadc(*words)
    assert answer.status == 1
    assert "cannot be written (no space left on device)" in answer.sentence
    assert list((tmp_path / "a").iterdir()) == []


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["export", "synthetic"], "needs --layout, one of recbole, lenskit, lightgcn"),
        (["export", "--layout", "recbole"], "needs a data set"),
        (["describe", "synthetic", "--positives"], "only for `cadc data export`; leave them out of describe"),
        (["export", "synthetic", "model=bias", "--layout", "recbole"], "this model does not train on a sample"),
        (
            [
                "export",
                "synthetic",
                *ENRICHED,
                "initializer.freeze=true",
                "factorization_rows=crossfit",
                "--layout",
                "recbole",
            ],
            "factors of several folds have no vectors in common",
        ),
    ],
)
def test_wrong_words_are_a_sentence(tmp_path, monkeypatch, words, sentence):
    monkeypatch.chdir(tmp_path)
    answer = cadc("data", *words)
    assert answer.status == 2
    assert sentence in answer.sentence
    assert list(tmp_path.glob("outputs/data/*")) == []


def test_weights_of_a_sample_that_no_file_holds_are_said(tmp_path):
    words = ("data", "export", "synthetic", *SAMPLE, "--layout", "lenskit", "--output", tmp_path / "out")
    answer = cadc(*words, "sampler=popularity", "sampler.weighting=ipw")
    assert answer.status == 0
    assert answer.err == "the sample has weights, or an offset of the logit, which the files do not hold\n"


def test_settings_for_recbole_name_all_files(tmp_path):
    folder = tmp_path / "bob's: shop"
    assert cadc("data", "export", "synthetic", *ENRICHED, "--layout", "recbole", "--output", folder).status == 0
    found = yaml.safe_load((folder / "bob's: shop.yaml").read_text())
    assert found["dataset"] == "bob's: shop"
    assert [f"{found['dataset']}.{part}.inter" for part in found["benchmark_filename"]] == [
        f"bob's: shop.{part}.inter" for part in ("train", "valid", "test")
    ]
    for source, columns in found["load_col"].items():
        files = folder.glob("*.train.inter") if source == "inter" else [folder / f"bob's: shop.{source}"]
        (header,) = (file.read_text().split("\n", 1)[0] for file in files)
        assert [typed.split(":")[0] for typed in header.split("\t")] == columns
    assert found["additional_feat_suffix"] == ["useremb", "itememb"]
    assert found["preload_weight"] == {"uid": "user_emb", "iid": "item_emb"}
