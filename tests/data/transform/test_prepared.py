"""Dense columns of prepared logs, runs, predictions and exports are those that the transform made."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtri

from cadc.configuration.compose import compose_config
from cadc.configuration.groups import groups
from cadc.data.prepare import prepare
from cadc.data.schema import Schema
from cadc.data.sources.table import Table
from cadc.data.split import GlobalTimeSplit, RandomSplit
from cadc.data.transform import AutoTransform, NoTransform, RankTransform, StandardTransform, fitted
from cadc.errors import DataError
from cadc.ledger import Ledger
from cadc.ledger.identity import arm_signature
from cadc.pipeline.settings import Settings
from cadc.provenance.fingerprint import describe
from tests.support.commands import cadc

N_ROWS = 900
ROLES = {"user": "user", "item": "item", "label": "label", "dense": ["price", "when", "flat"]}


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    z = rng.normal(size=N_ROWS)
    return pd.DataFrame(
        {
            "user": rng.integers(0, 30, N_ROWS),
            "item": rng.integers(0, 20, N_ROWS),
            "label": (rng.random(N_ROWS) < 1 / (1 + np.exp(-2 * z))).astype(int),
            "price": np.exp(12 + 3 * z).round(2),
            "when": 2**40 + np.arange(N_ROWS),
            "flat": 7.5,
        }
    )


@pytest.fixture
def path(table, tmp_path):
    table.to_csv(tmp_path / "log.csv", index=False)
    return tmp_path / "log.csv"


def source(path, **roles):
    return Table(str(path), **(ROLES | roles))


@pytest.mark.parametrize("transform", [StandardTransform(), RankTransform(), AutoTransform()])
def test_curves_are_fitted_to_the_training_part_alone_and_applied_to_all(path, table, transform):
    log = prepare(source(path), RandomSplit(), 0, transform)
    raw = table[list(log.schema.dense)].to_numpy(float)[log.column("row")]
    train = raw[: log.n_rows("train")]
    assert log.column("dense").dtype == np.float32
    for at in range(raw.shape[1]):
        expected = transform.fit(train[:, at])(raw[:, at]).astype(np.float32)
        assert log.column("dense")[:, at].tolist() == expected.tolist()
    assert log.gather(log.rows("test")).dense.tolist() == log.column("dense", "test").tolist()
    assert (log.column("dense")[:, 2] == 0).all()


def test_training_part_decides_and_later_rows_do_not(path, table, tmp_path):
    log = prepare(source(path, time="when", dense=["price"]), GlobalTimeSplit())
    changed = table.copy()
    test_rows = log.column("row", "test")
    changed.loc[test_rows, "price"] = 1e30
    changed.to_csv(tmp_path / "other.csv", index=False)
    other = prepare(source(tmp_path / "other.csv", time="when", dense=["price"]), GlobalTimeSplit())
    assert other.transform.curves == log.transform.curves
    assert (other.column("dense", "train") == log.column("dense", "train")).all()
    assert (other.column("dense", "test") == log.column("dense", "train").max()).all()


def test_whole_numbers_beyond_32_bits_stay_different(path, table):
    log = prepare(source(path, dense=["when"]), RandomSplit())
    order = np.argsort(log.column("row"))
    assert (np.diff(log.column("dense")[order, 0]) > 0).all()


def test_caches_and_contents_differ_by_transform_and_its_options(path):
    transforms = [NoTransform(), AutoTransform(), RankTransform(), RankTransform(knots=10), StandardTransform()]
    transforms.append(StandardTransform(limit=9.0))
    logs = [prepare(source(path), RandomSplit(), 0, transform) for transform in transforms]
    assert len({log.folder for log in logs}) == len({log.content_hash for log in logs}) == len(transforms)
    assert prepare(source(path), RandomSplit()).folder == logs[1].folder


def test_logs_without_dense_columns_have_one_content(path):
    hashes = {
        prepare(source(path, dense=[]), RandomSplit(), 0, own).content_hash for own in (NoTransform(), AutoTransform())
    }
    assert len(hashes) == 1


def test_number_beyond_float32_is_refused_only_where_columns_stay_as_they_are(table, tmp_path):
    table.loc[3, "price"] = 1e300
    table.to_parquet(tmp_path / "log.parquet")
    assert np.isfinite(prepare(source(tmp_path / "log.parquet"), RandomSplit()).column("dense")).all()
    with pytest.raises(DataError, match="price holds 1e\\+300, which is too large"):
        prepare(source(tmp_path / "log.parquet"), RandomSplit(), 0, NoTransform())


def test_fit_reads_a_bounded_number_of_rows(monkeypatch):
    monkeypatch.setattr(fitted, "FIT_ROWS", 1000)
    values = np.random.default_rng(0).normal(size=(50_000, 2))
    asked = []

    def values_of(rows, column):
        asked.append(rows)
        return values[rows, column]

    found, _ = fitted.fit_transform(RankTransform(), ("a", "b"), 50_000, values_of, np.random.default_rng(1))
    assert [len(rows) for rows in asked] == [1000, 1000]
    assert len(np.unique(asked[0])) == 1000
    assert asked[0].max() > 49_900 and asked[0].min() < 100
    # The scores of normal values are the values themselves.
    np.testing.assert_allclose(found.apply(values[:200])[:, 0], values[:200, 0], atol=0.35)


def test_damaged_curves_are_named(path):
    log = prepare(source(path), RandomSplit())
    (log.folder / fitted.TRANSFORM).write_text("[]")
    with pytest.raises(DataError, match=r"transform\.json is damaged"):
        log.transform  # noqa: B018


def words(path, *more):
    lists = [f"data.{key}={json.dumps(value) if isinstance(value, list) else value}" for key, value in ROLES.items()]
    return ["data=table", f"data.path={path}", *lists, "trainer.max_epochs=1", *more]


def test_runs_that_differ_in_the_transform_have_different_ids(path):
    options = ["", "data/transform=none", "data/transform=rank", "data/transform=log", "data/transform=standard"]
    answers = [cadc("train", *words(path, *filter(None, [option])), "--dry-run") for option in options]
    assert [answer.status for answer in answers] == [0] * len(options)
    assert len({answer.out.splitlines()[-1].split()[0] for answer in answers}) == len(options)


def test_configurations_of_earlier_records_have_no_transform(path):
    config = dict(Settings.compose(words(path)).config)
    assert config["data"].pop("transform")["_target_"].endswith("AutoTransform")
    assert Settings.of(config).transform.cls is NoTransform


@pytest.mark.parametrize("option", ["auto", "rank", "standard"])
def test_prediction_of_a_runs_own_rows_repeats_its_scores(path, table, tmp_path, option):
    answer = cadc("train", *words(path, f"data/transform={option}"))
    assert answer.status == 0, answer.err
    run_id = answer.out.split("/")[-2]
    scores = pd.read_parquet(Ledger().path(run_id) / "scores.parquet")
    table.iloc[scores["row"]].drop(columns="label").to_csv(tmp_path / "new.csv", index=False)
    answer = cadc("predict", run_id, tmp_path / "new.csv", "--output", tmp_path / "out.csv")
    assert answer.status == 0, answer.err
    assert pd.read_csv(tmp_path / "out.csv")["probability"].tolist() == scores["probability"].tolist()


@pytest.mark.parametrize("form", ["safetensors", "parquet"])
def test_exported_curves_give_the_inputs_with_plain_numpy(path, table, tmp_path, form):
    answer = cadc("train", *words(path))
    run_id = answer.out.split("/")[-2]
    assert cadc("export", run_id, "--format", form, "--output", tmp_path / "out").status == 0
    curves = json.loads((tmp_path / "out" / "transform.json").read_text())
    log = prepare(source(path), RandomSplit())
    raw = table.iloc[log.column("row")]
    for at, curve in enumerate(curves):
        x = raw[curve["column"]].to_numpy(float)
        z = np.sign(x) * np.log1p(np.abs(x)) if curve["log"] else x
        if "knots" in curve:
            y = np.interp(z, curve["knots"], curve["scores"])
        else:
            y = np.clip((z - curve["centre"]) / curve["scale"], -curve["limit"], curve["limit"])
        assert y.astype(np.float32).tolist() == log.column("dense")[:, at].tolist()
    assert [curve["column"] for curve in curves] == ROLES["dense"]


def test_prices_become_the_normal_scores_of_their_ranks(path, table):
    log = prepare(source(path), RandomSplit())
    n = log.n_rows("train")
    rank = table["price"].iloc[log.column("row", "train")].rank()
    np.testing.assert_allclose(log.column("dense", "train")[:, 0], ndtri((rank - 0.5) / n), atol=1e-5)
    assert Schema.from_json(log.meta["schema"]).dense == tuple(ROLES["dense"])


@pytest.mark.parametrize("name", groups()["data"])
def test_default_of_each_data_set_is_that_of_its_source(name):
    settings = Settings.compose([f"data={name}"])
    assert settings.transform.cls is settings.source.cls.dense_transform
    assert not settings.transform.options or describe(settings.transform) == describe(settings.transform.cls())


def test_data_set_of_a_plugin_that_names_no_transform_has_the_default_of_its_source(monkeypatch, path):
    config = compose_config(words(path))
    del config["data"]["transform"]
    monkeypatch.setattr("cadc.pipeline.settings.compose_config", lambda overrides: config)
    settings = Settings.compose(words(path))
    assert settings.transform.cls is AutoTransform
    assert settings.config["data"]["transform"] == {"_target_": "cadc.data.transform.auto.AutoTransform"}


def test_signatures_leave_the_default_out_and_tell_other_transforms_apart(path):
    config = dict(Settings.compose(words(path)).config)
    earlier = {**config, "data": {key: own for key, own in config["data"].items() if key != "transform"}}
    none = Settings.compose(words(path, "data/transform=none"))
    assert arm_signature(Settings.of(earlier)) == arm_signature(Settings.of(config)) != arm_signature(none)
