"""A table whose rows say their part, by a column or by their file."""

import csv
import gzip
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cadc.data.prepare import prepare
from cadc.data.sources.table import Table
from cadc.data.split import SPLITS, GivenSplit
from cadc.errors import UsageError
from cadc.pipeline.settings import Settings
from tests.data.made_up_sales import ROLES, made_up_rows, sentence
from tests.support.commands import TINY, cadc

FILES = dict(zip(SPLITS, ("path", "validation_path", "test_path"), strict=True))


def as_frame():
    return pd.DataFrame(made_up_rows()).drop(columns="unused")


def write_parts(folder, frame, part, suffixes=(".csv", ".csv", ".csv")):
    """Write the rows of each part into a file of its own, and return the options that name the files."""
    options = {}
    for at, (name, option, suffix) in enumerate(zip(SPLITS, FILES.values(), suffixes, strict=True)):
        own, path = frame[part == at], folder / f"{name}{suffix}"
        if suffix == ".parquet":
            own.to_parquet(path)
        else:
            own.to_csv(path, index=False, sep="\t" if ".tsv" in suffix else ",")
        options[option] = str(path)
    return options


def said_of(path, **options):
    return sentence(path, GivenSplit(), **options)


def rows_by_part(log):
    """Return the user, item, label and time of each row of each part, in their order."""
    users, items = (np.concatenate([[""], log.entity_keys(side)]) for side in ("user", "item"))
    found = []
    for name in SPLITS:
        user, item, label, time = (log.column(column, name) for column in ("user", "item", "label", "time"))
        found.append(list(zip(users[user], items[item], label.tolist(), time.tolist(), strict=True)))
    return found


def read_by_pandas(frame, part):
    time = pd.to_datetime(frame["day"]).to_numpy().astype("datetime64[s]").astype(int)
    columns = [frame["customer"], frame["product"], frame["bought"].astype(float), time]
    rows = list(zip(*columns, strict=True))
    return [[row for row, own in zip(rows, part, strict=True) if own == at] for at in range(3)]


@given(part=st.lists(st.sampled_from([0, 0, 1, 2]), min_size=200, max_size=200), written=st.data())
@settings(deadline=None, max_examples=5)
def test_a_column_and_files_give_the_parts_row_for_row(part, written):
    part = np.array([0, 1, 2, *part[3:]])
    frame = as_frame()
    spellings = [["train", "Training", " TRAIN "], ["valid", "validation", "VAL", "dev"], ["test", "Test", "test "]]
    names = [written.draw(st.sampled_from(spellings[at])) for at in part]
    expected = read_by_pandas(frame, part)
    with TemporaryDirectory() as folder:
        frame.assign(set=names).to_csv(Path(folder, "all.csv"), index=False)
        by_column = prepare(Table(str(Path(folder, "all.csv")), part="set", **ROLES), GivenSplit())
        by_file = prepare(Table(**write_parts(Path(folder), frame, part), **ROLES), GivenSplit())
        assert rows_by_part(by_column) == rows_by_part(by_file) == expected
        # The union of the parts is the file.
        assert sorted(np.concatenate([by_column.column("row", name) for name in SPLITS])) == list(range(len(frame)))


def test_numbers_of_any_type_name_parts(tmp_path):
    frame, part = as_frame(), np.arange(200) % 3
    for number, kind in enumerate(["int8", "float64", "category", "str"]):
        path = tmp_path / f"{number}.parquet"
        frame.assign(set=pd.Series(part).astype(kind)).to_parquet(path)
        assert rows_by_part(prepare(Table(str(path), part="set", **ROLES), GivenSplit())) == read_by_pandas(frame, part)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("", "row 7: column set is missing"),
        ("holdout", "row 7: column set 'holdout' is not a part; expected train, validation or test, or 0, 1 or 2."),
        ("3", "row 7: column set '3' is not a part"),
        ("0.0", "row 7: column set '0.0' is not a part"),
    ],
)
def test_another_value_is_no_part(tmp_path, value, said):
    frame = as_frame().assign(set=["train", "valid", "test", "train"] * 50)
    frame.loc[6, "set"] = value
    frame.to_csv(tmp_path / "all.csv", index=False)
    assert said in sentence(tmp_path / "all.csv", GivenSplit(), part="set")


def test_ids_of_other_types_in_other_files_are_the_same_ids(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"user": rng.integers(9, size=90), "item": rng.integers(9, size=90), "label": np.arange(90) % 2}
    )
    part = np.arange(90) % 3
    plain = write_parts(tmp_path, frame, part)
    roles = {"user": "user", "item": "item", "label": "label"}
    expected = prepare(Table(**plain, **roles), GivenSplit()).content_hash
    frame[part == 1].astype({"user": str, "item": float}).to_parquet(tmp_path / "v.parquet")
    with gzip.open(tmp_path / "t.tsv.gz", "wt") as file:
        frame[part == 2][["label", "item", "user"]].assign(more=1.5).to_csv(file, sep="\t", index=False)
    mixed = {
        "path": plain["path"],
        "validation_path": str(tmp_path / "v.parquet"),
        "test_path": str(tmp_path / "t.tsv.gz"),
    }
    assert prepare(Table(**mixed, **roles), GivenSplit()).content_hash == expected


def test_faults_name_the_file_and_the_row_in_it(tmp_path):
    frame, part = as_frame(), np.arange(200) // 80
    for column, value, said in [
        ("bought", "7", "row 3: column bought '7' is not a label"),
        ("day", "noon", "row 3: column day 'noon' is not a time"),
        ("brand", "zzz", "row 3: item 'p12' has brand 'zzz' here and 'a' before"),
    ]:
        options = write_parts(tmp_path, frame, part)
        own = frame[part == 2].reset_index(drop=True).astype({"bought": str})
        own.loc[2, "product"] = "p12"
        own.loc[2, column] = value
        own.to_csv(options["test_path"], index=False)
        assert f"{options['test_path']}, {said}" in said_of(**options)
    frame[part == 2].drop(columns="brand").to_csv(options["test_path"], index=False)
    assert f"{options['test_path']} has no column 'brand'" in said_of(**options)


def test_files_without_rows_and_equal_files_are_refused(tmp_path):
    frame, part = as_frame(), np.arange(200) % 3
    options = write_parts(tmp_path, frame, part)
    Path(options["validation_path"]).write_text(",".join(frame.columns) + "\n")
    assert f"{options['validation_path']}, the file of the validation part, holds no rows" in said_of(**options)
    Path(options["validation_path"]).write_text("")
    assert f"{options['validation_path']} is empty" in said_of(**options)
    Path(options["validation_path"]).write_bytes(Path(options["test_path"]).read_bytes())
    assert f"{options['test_path']}, the file of the test part, has the content of another part's" in said_of(**options)


def test_test_rows_that_occur_in_training_are_said(tmp_path):
    frame, part = as_frame(), np.arange(200) % 3
    options = write_parts(tmp_path, frame, part)
    # Other bytes, but the same rows, in another order.
    frame[part == 0][::-1].to_csv(options["test_path"], index=False)
    log = prepare(Table(**options, **ROLES), GivenSplit())
    assert any("67 of 67 test rows (100.0 %) are exact copies of training rows" in own for own in log.meta["remarks"])


def test_validation_rows_are_drawn_where_no_file_holds_them(tmp_path):
    frame, part = as_frame(), np.arange(200) % 2 * 2
    options = write_parts(tmp_path, frame, part)
    del options["validation_path"]
    log = prepare(Table(**options, **ROLES), GivenSplit(validation=0.2))
    assert [log.n_rows(name) for name in SPLITS] == [80, 20, 100]
    train, test = read_by_pandas(frame, part)[0], read_by_pandas(frame, part)[2]
    found = rows_by_part(log)
    assert sorted(found[0] + found[1]) == sorted(train)
    assert found[2] == test


def test_files_that_change_places_are_another_log(tmp_path):
    frame, part = as_frame(), np.arange(200) % 3
    options = write_parts(tmp_path, frame, part)
    swapped = options | {"test_path": options["path"], "path": options["test_path"]}
    logs = [prepare(Table(**own, **ROLES), GivenSplit()) for own in (options, swapped)]
    assert logs[0].content_hash != logs[1].content_hash
    assert rows_by_part(logs[0])[0] == rows_by_part(logs[1])[2]
    moved = {
        option: str(Path(path).rename(tmp_path / f"x{number}.csv"))
        for number, (option, path) in enumerate(options.items())
    }
    assert prepare(Table(**moved, **ROLES), GivenSplit()).content_hash == logs[0].content_hash


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"validation_path": "v.csv"}, "data.validation_path is set without data.test_path"),
        ({"test_path": "t.csv", "part": "unused"}, "names the column 'unused' of parts, and data.test_path"),
        ({"part": "brand"}, "the column 'brand' several meanings"),
        ({"part": "parts"}, "has no column 'parts'"),
    ],
)
def test_options_that_contradict_each_other_are_named(path, options, said):
    paths = {name: str(path) if name.endswith("_path") else value for name, value in options.items()}
    assert said in sentence(path, GivenSplit(), **paths)


def overrides_of(options, **more):
    lists = {
        key: f"[{','.join(own)}]" if isinstance(own, list) else own for key, own in (ROLES | options | more).items()
    }
    return ["data=table", *(f"data.{key}={own}" for key, own in lists.items())]


def test_data_with_parts_is_split_by_them_unless_another_split_is_chosen(tmp_path):
    frame, part = as_frame(), np.arange(200) % 3
    files = write_parts(tmp_path, frame, part)
    frame.assign(set=part).to_csv(tmp_path / "all.csv", index=False)
    (tmp_path / "all.yaml").write_text("part: set\n")
    column = {"path": tmp_path / "all.csv"}
    for options in (files, {**column, "part": "set"}, {**column, "description": tmp_path / "all.yaml"}):
        overrides = overrides_of(options)
        assert Settings.compose(overrides).split.cls is GivenSplit
        assert Settings.compose([*overrides, "data.split.validation=0.3"]).split.option("validation") == 0.3
        assert Settings.compose([*overrides, "data/split=random"]).split.cls is not GivenSplit
        with pytest.raises(UsageError, match=r"no key data\.split\.test"):
            Settings.compose([*overrides, "data.split.test=0.3"])
    assert Settings.compose(overrides_of(column)).split.cls is not GivenSplit


def test_runs_on_three_files_are_trained_described_and_score_their_own_test_file(tmp_path):
    frame, part = as_frame(), np.arange(200) % 5 // 2
    frame.loc[part == 2, "customer"] = ["nobody", *frame.loc[part == 2, "customer"][1:]]
    options = write_parts(tmp_path, frame, part, (".csv", ".parquet", ".tsv"))
    overrides = overrides_of(options)
    tiny = [word for word in TINY if not word.startswith("data")]
    answer = cadc("train", *overrides, *tiny)
    assert answer.status == 0, answer.err
    folder = Path(answer.out.splitlines()[-1]).parent
    answer = cadc("predict", folder.name, options["test_path"])
    assert answer.status == 0, answer.err
    scored = list(csv.DictReader(answer.out.splitlines()))
    saved = pd.read_parquet(folder / "scores.parquet")
    assert [row["customer"] for row in scored] == frame.loc[part == 2, "customer"].tolist()
    assert [float(row["probability"]) for row in scored] == saved["probability"].tolist()
    answer = cadc("data", "describe", "table", *overrides[1:])
    assert answer.status == 0, answer.err
    assert "test                  40 rows" in answer.out
