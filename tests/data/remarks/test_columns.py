"""Remarks on spellings, on fields with a value per row, and on dense columns."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cadc.data.prepare import prepare
from cadc.data.remarks.spellings import alike
from cadc.data.sources.table import Table
from cadc.data.split import RandomSplit
from cadc.data.transform import AutoTransform, NoTransform
from tests.support.commands import cadc

N_ROWS = 1000


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    item = rng.integers(0, 40, N_ROWS)
    return pd.DataFrame(
        {
            "user": rng.integers(0, 50, N_ROWS),
            "item": item,
            "label": rng.integers(0, 2, N_ROWS),
            "x": rng.normal(size=N_ROWS),
            "genre": np.array(["Drama", "Sci-Fi"])[item % 2],
            "device": rng.choice(["tv", "phone"], N_ROWS),
        }
    )


def remarks(table, tmp_path, transform=None, **roles):
    path = tmp_path / "log.parquet"
    table.to_parquet(path)
    own = {"user": "user", "item": "item", "label": "label"} | roles
    return prepare(Table(str(path), **own), RandomSplit(), 0, transform).meta["remarks"]


def test_a_tidy_table_says_nothing(table, tmp_path):
    roles = {"item_fields": ["genre"], "context_fields": ["device"], "dense": ["x"]}
    assert remarks(table, tmp_path, **roles) == []


@pytest.mark.parametrize("role", ["item_fields", "item_bags", "context_fields"])
def test_values_that_differ_by_blanks_or_case_are_counted_with_an_example(table, tmp_path, role):
    table["genre"] = np.array(["Drama", "Sci-Fi", "drama ", "Comedy"])[table["item"] % 4]
    found = remarks(table, tmp_path, **{role: ["genre"]})
    second = "drama" if role == "item_bags" else "drama "  # blanks around a value of a bag do not count
    assert len(found) == 1
    assert found[0].startswith("2 of 4 values of genre differ from another one by blanks, case")
    assert "'Drama'" in found[0] and f"'{second}'" in found[0]


def test_ids_that_differ_by_case_are_counted(table, tmp_path):
    table["user"] = [f"{'aA'[row % 2]}{user}" for row, user in enumerate(table["user"])]
    users = {*table["user"]}
    expected = sum(user.swapcase() in users for user in users)
    found = remarks(table, tmp_path)
    assert found[0].startswith(f"{expected} of {len(users)} values of user differ")


texts = st.text(st.sampled_from("aAbB  \té\u0301e\u00a0\uff21"), max_size=4)


@settings(max_examples=200, deadline=None)
@given(st.lists(texts, max_size=12))
def test_texts_are_alike_as_python_finds_them(values):
    from unicodedata import normalize

    folded = [" ".join(normalize("NFKC", value).lower().split()) for value in values]
    groups = alike(np.array(values, object)).tolist()
    assert [[a == b for a in groups] for b in groups] == [[a == b for a in folded] for b in folded]


def test_context_field_with_a_value_per_row_is_named_with_its_counts(table, tmp_path):
    table["session"] = [f"s{row}" for row in range(N_ROWS)]
    found = remarks(table, tmp_path, context_fields=["session", "device"])
    assert len(found) == 1
    assert found[0].startswith("the context field session has 800 values in 800 training rows")
    assert remarks(table.assign(session=table["session"].str[:-1]), tmp_path, context_fields=["session"]) == []
    assert remarks(table, tmp_path, context_fields=["session"], min_count=2) == []


def test_side_field_with_a_value_per_item_is_named_with_its_counts(table, tmp_path):
    table["item"] = np.arange(N_ROWS) // 10
    table["title"] = "title " + table["item"].astype(str)
    found = remarks(table, tmp_path, item_fields=["title"])
    assert len(found) == 1
    assert found[0].startswith("the item field title has 100 values for 100 items")


def test_constant_dense_columns_are_named(table, tmp_path):
    found = remarks(table.assign(flat=3.0, zero=0), tmp_path, dense=["x", "flat", "zero"])
    assert found == [
        "each of the 2 dense columns flat, zero has one value in all training rows, which says nothing; leave it out"
    ]


@pytest.mark.parametrize("scale, offset", [(1e9, 0), (1e-6, 0), (1, 1e9)])
def test_scales_that_drown_others_are_said_where_columns_stand_as_they_are(table, tmp_path, scale, offset):
    table["y"] = table["x"] * scale + offset
    found = remarks(table, tmp_path, NoTransform(), dense=["x", "y"])
    assert len(found) == 1 and "scales differ by a factor of" in found[0] and "data/transform=auto" in found[0]
    assert remarks(table, tmp_path, AutoTransform(), dense=["x", "y"]) == []
    assert remarks(table, tmp_path, NoTransform(), dense=["x"]) == []


def test_hostile_names_and_values_stay_on_one_line(table, tmp_path):
    table["genre"] = np.array(["a\x1b[31m\n", "A\x1b[31m\n"])[table["item"] % 2]
    found = remarks(table, tmp_path, item_fields=["genre"])
    assert len(found) == 1 and found[0].isprintable()


def test_every_remark_is_said_at_training_and_described(table, tmp_path):
    table["genre"] = np.array(["Drama", "drama "])[table["item"] % 2]
    table["session"] = np.arange(N_ROWS)
    table.assign(flat=1).to_csv(tmp_path / "log.csv", index=False)
    roles = {
        "user": "user", "item": "item", "label": "label", "item_fields": ["genre"], "context_fields": ["session"],
        "dense": ["flat"], "path": str(tmp_path / "log.csv"),
    }  # fmt: skip
    words = [f"data.{key}={json.dumps(value) if isinstance(value, list) else value}" for key, value in roles.items()]
    said = ("genre differ from another", "context field session", "dense column flat")
    for seed in (0, 1):
        answer = cadc("train", "data=table", *words, "model=bias", f"data.split_seed={seed // 2}")
        assert answer.status == 0, answer.err
        assert [part in answer.err for part in said] == [True] * 3
    described = cadc("data", "describe", "table", *words, "--output", tmp_path / "figure").out
    assert [part in described for part in said] == [True] * 3
    assert "flat (constant)" in described
