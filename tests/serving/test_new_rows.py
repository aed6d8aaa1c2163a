"""New rows: which columns are read, what the answer holds, and what is said of values that the run does not know."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

import cadc as cadc_package
from cadc.data import columns as columns_module
from cadc.data.files import parquet as parquet_module
from tests.support.commands import cadc, folders

ROLES = ("data.user=who", "data.item=what", "data.label=bought", "data.context_fields=[hour]", "data.dense=[price]")
UNKNOWN_TO = "are unknown to this run"


def made_up(n_rows=600):
    rng = np.random.default_rng(0)
    user, item, hour = rng.integers(1, 21, n_rows), rng.integers(1, 26, n_rows), rng.integers(0, 6, n_rows)
    return pd.DataFrame(
        {
            "code": [f"{row:03d}" for row in range(n_rows)],
            "who": user,
            "what": item,
            "hour": hour,
            "price": rng.lognormal(3, 1, n_rows).round(6),
            "bought": (rng.random(n_rows) < np.where(user < 11, 0.8, 0.3)).astype(int),
        }
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Folder of a finished run on made-up rows, whose file lies beside the ledger."""
    place = tmp_path_factory.mktemp("new rows")
    path = place / "log.parquet"
    made_up().to_parquet(path)
    with folders(place / "cache", place / "runs"):
        words = ("data=table", f"data.path='{path}'", *ROLES, "trainer.max_epochs=2", "trainer.batch_size=64")
        answer = cadc("train", *words)
        assert answer.status == 0, answer.err
    return Path(answer.out.splitlines()[-1]).parent


@pytest.fixture(autouse=True)
def run(finished, monkeypatch):
    """The finished run, whose ledger and cache are in place."""
    monkeypatch.setenv("CADC_RUNS", str(finished.parent))
    monkeypatch.setenv("CADC_CACHE", str(finished.parents[1] / "cache"))
    return finished


def predict(run, path):
    out = path.with_name(f"{path.name}.scored.parquet")
    answer = cadc("predict", run.name, path, "--output", out)
    assert answer.status == 0, answer.err
    return pd.read_parquet(out), answer.err


@pytest.fixture
def expected(run, tmp_path):
    made_up().to_parquet(tmp_path / "expected.parquet")
    return predict(run, tmp_path / "expected.parquet")[0]["probability"].to_numpy()


def test_nothing_is_said_if_everything_is_known_and_the_test_rows_are_those_saved(run, tmp_path):
    made_up().to_parquet(tmp_path / "rows.parquet")
    scored, said = predict(run, tmp_path / "rows.parquet")
    assert said == ""
    saved = pd.read_parquet(run / "scores.parquet")
    assert np.array_equal(scored["probability"][saved["row"]], saved["probability"])
    pd.testing.assert_frame_equal(scored.drop(columns="probability"), made_up())


@pytest.mark.parametrize("order", ["as they are", "reversed", "one by one"])
def test_the_score_of_a_row_does_not_depend_on_those_beside_it(run, tmp_path, expected, order):
    rows = made_up()
    if order == "one by one":
        model = cadc_package.Run(run.name)
        found = [model.predict(rows.iloc[[row]])["probability"].item() for row in range(30)]
        assert np.array_equal(found, expected[:30])
        return
    step = -1 if order == "reversed" else 1
    rows.iloc[::step].to_parquet(tmp_path / "rows.parquet", index=False)
    assert np.array_equal(predict(run, tmp_path / "rows.parquet")[0]["probability"][::step], expected)


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_blocks_of_any_size_give_the_same(run, tmp_path, expected, suffix, monkeypatch):
    monkeypatch.setattr(columns_module, "BLOCK_BYTES", 1 << 10)
    monkeypatch.setattr(parquet_module, "BATCH_ROWS", 7)
    path = tmp_path / f"rows{suffix}"
    made_up().to_parquet(path, row_group_size=50) if suffix == ".parquet" else made_up().to_csv(path, index=False)
    scored, said = predict(run, path)
    assert np.array_equal(scored["probability"], expected)
    assert said == ""


@pytest.mark.parametrize(("suffix", "separator"), [(".csv", ";"), (".tsv", "\t"), (".csv.gz", ","), (".CSV", "|")])
def test_separators_and_suffixes_that_training_reads(run, tmp_path, expected, suffix, separator):
    made_up().to_csv(tmp_path / f"rows{suffix}", sep=separator, index=False)
    assert np.array_equal(predict(run, tmp_path / f"rows{suffix}")[0]["probability"], expected)


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows.rename(columns={"who": "user", "what": "item"}),
        lambda rows: rows.rename(columns={"what": "item"}),
        lambda rows: rows.astype({"who": float, "what": "Int16", "hour": "category", "price": "float64"}),
        lambda rows: rows.astype({"who": str, "what": bytes, "hour": "string"}),
        lambda rows: rows.set_index("who"),
        lambda rows: rows[["price", "hour", "what", "who"]],
    ],
)
def test_names_types_and_order_of_columns_do_not_matter(run, tmp_path, expected, change):
    rows = change(made_up())
    rows.to_parquet(tmp_path / "rows.parquet")
    scored, said = predict(run, tmp_path / "rows.parquet")
    assert np.array_equal(scored["probability"], expected)
    assert said == ""
    if rows.index.name is None:
        frame = cadc_package.Run(run.name).predict(rows)
        assert np.array_equal(frame["probability"], expected)
        assert list(frame) == [*rows, "probability"]


def test_whole_numbers_with_a_missing_one_beside_them_change_in_that_row_alone(run, tmp_path, expected):
    rows = made_up().astype({"hour": float})
    rows.loc[3, "hour"] = np.nan
    for path in (tmp_path / "rows.parquet", tmp_path / "rows.csv"):
        rows.to_parquet(path) if path.suffix == ".parquet" else rows.to_csv(path, index=False)
        scored, said = predict(run, path)
        assert np.flatnonzero(scored["probability"] != expected).tolist() == [3]
        assert said == f"{path}: hour is missing in 1 of 600 rows, which are scored as with an unknown value\n"


def test_the_name_in_the_log_s_own_file_comes_first_and_it_is_said(run, tmp_path, expected):
    rows = made_up()
    rows["user"] = rows["who"].to_numpy()[::-1]
    rows.to_parquet(tmp_path / "rows.parquet")
    scored, said = predict(run, tmp_path / "rows.parquet")
    assert np.array_equal(scored["probability"], expected)
    assert "the column 'who' is read as user, as in the log's own file, and 'user' is not" in said


def test_a_column_that_could_be_users_or_items_is_refused(tmp_path):
    rows = made_up().rename(columns={"who": "customer", "what": "user"})
    rows.to_parquet(tmp_path / "log.parquet")
    roles = [role.replace("=who", "=customer").replace("=what", "=user") for role in ROLES]
    answer = cadc("train", "data=table", f"data.path='{tmp_path / 'log.parquet'}'", *roles, "model=bias")
    run = Path(answer.out.splitlines()[-1]).parent
    saved, (scored, said) = pd.read_parquet(run / "scores.parquet"), predict(run, tmp_path / "log.parquet")
    assert np.array_equal(scored["probability"][saved["row"]], saved["probability"])
    assert said == ""
    made_up().rename(columns={"who": "user", "what": "item"}).to_csv(tmp_path / "rows.csv", index=False)
    answer = cadc("predict", run.name, tmp_path / "rows.csv")
    assert answer.status == 1
    assert "the column 'user' could be user or item; name users and items as the log's own file does" in answer.sentence


def test_unknown_values_are_counted_by_column(run, tmp_path):
    rows = made_up()
    rows.loc[rows["who"] <= 5, "who"] += 1000
    rows.loc[0, "hour"] = 77
    rows.to_parquet(tmp_path / "rows.parquet")
    n_rows = int((rows["who"] > 1000).sum())
    _, said = predict(run, tmp_path / "rows.parquet")
    assert said.splitlines() == [
        f"{tmp_path}/rows.parquet: 5 of 20 users {UNKNOWN_TO}, in {n_rows} of 600 rows",
        f"{tmp_path}/rows.parquet: 1 of 7 values of hour {UNKNOWN_TO}, in 1 of 600 rows",
    ]


def test_rows_of_which_nothing_is_known_are_scored_and_it_is_said_loudly(run, tmp_path, capsys):
    rows = made_up().astype({"who": str, "what": str})
    rows["who"], rows["what"], rows["hour"] = "u" + rows["who"], "i" + rows["what"], -1
    rows.to_csv(tmp_path / "rows.csv", index=False)
    scored, said = predict(run, tmp_path / "rows.csv")
    lines = said.splitlines()
    assert f"20 of 20 users {UNKNOWN_TO}, in 600 of 600 rows; they look like 'u" in lines[0]
    assert f"25 of 25 items {UNKNOWN_TO}" in lines[1]
    assert f"1 of 1 values of hour {UNKNOWN_TO}" in lines[2]
    assert "NOTHING in it is known to this run" in lines[3]
    assert len(scored) == 600
    cadc_package.Run(run.name).predict(rows)
    assert f"the data frame: 20 of 20 users {UNKNOWN_TO}" in capsys.readouterr().err


def test_a_line_with_more_values_than_the_header_names_is_refused(run, tmp_path):
    (tmp_path / "rows.csv").write_text("who,what,hour,price\n" + "1,2,3,4.5,web\n" * 3)
    answer = cadc("predict", run.name, tmp_path / "rows.csv")
    assert answer.status == 1
    assert "line 2: found 5 columns" in answer.sentence
    assert answer.out == ""


def test_a_fault_in_the_last_block_leaves_no_output(run, tmp_path, monkeypatch):
    monkeypatch.setattr(columns_module, "BLOCK_BYTES", 1 << 10)
    text = made_up().to_csv(index=False).replace("\n", "\r\n")
    (tmp_path / "rows.csv").write_text(text + "x,1,2,3,dear,0\r\n")
    answer = cadc("predict", run.name, tmp_path / "rows.csv")
    assert answer.status == 1
    assert "row 601: column price 'dear' is not a number" in answer.err
    assert answer.out == ""
    answer = cadc("predict", run.name, tmp_path / "rows.csv", "--output", tmp_path / "out.csv")
    assert answer.status == 1
    assert not (tmp_path / "out.csv").exists()


def test_the_answer_does_not_take_the_name_of_a_column(run, tmp_path, expected):
    rows = made_up().assign(probability=0.5)
    with pytest.raises(cadc_package.CadcError, match="has a column 'probability' already"):
        cadc_package.Run(run.name).predict(rows)
    rows.to_parquet(tmp_path / "rows.parquet")
    out = tmp_path / "out.parquet"
    assert cadc("predict", run.name, tmp_path / "rows.parquet", "--column", "p", "--output", out).status == 0
    scored = pd.read_parquet(out)
    assert np.array_equal(scored["p"], expected)
    assert set(scored["probability"]) == {0.5}
    assert np.array_equal(cadc_package.Run(run.name).predict(rows, "p")["p"], expected)
    assert cadc_package.Run(run.name).predict(made_up().head(0))["probability"].tolist() == []


def test_values_that_are_not_read_come_out_as_they_went_in(run, tmp_path):
    header = "code,who,what,hour,price,note,note"
    (tmp_path / "rows.csv").write_text(f'{header}\n007,1,2,3,04.50,a,"x, y"\nNA,1,2,3,1e0,,\n')
    answer = cadc("predict", run.name, tmp_path / "rows.csv")
    assert answer.status == 0, answer.err
    assert "the answer leaves out 'note': nested, or several of one name" in answer.err
    lines = answer.out.splitlines()
    assert lines[0] == "code,who,what,hour,price,probability"
    assert [line.rpartition(",")[0] for line in lines[1:]] == ["007,1,2,3,04.50", "NA,1,2,3,1e0"]


def test_columns_of_a_parquet_file_keep_their_types(run, tmp_path):
    rows = pa.Table.from_pandas(made_up()).append_column("at", pa.array([0] * 600, pa.timestamp("ms", "UTC")))
    with_lists = rows.append_column("lists", pa.array([[1, 2]] * 600))
    pa.parquet.write_table(with_lists, tmp_path / "rows.parquet")
    scored, said = predict(run, tmp_path / "rows.parquet")
    assert "the answer leaves out 'lists'" in said
    kinds = pa.parquet.read_schema(tmp_path / "rows.parquet.scored.parquet")
    assert kinds.names == [*rows.schema.names, "probability"]
    plain = [pa.string() if kind == pa.large_string() else kind for kind in rows.schema.types]
    assert kinds.types[:-1] == plain
    assert scored["code"].tolist() == made_up()["code"].tolist()


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".csv.gz"])
def test_output_is_what_its_suffix_says(run, tmp_path, expected, suffix):
    made_up().to_csv(tmp_path / "rows.csv", index=False)
    out = tmp_path / f"out{suffix}"
    assert cadc("predict", run.name, tmp_path / "rows.csv", "--output", out).status == 0
    scored = pd.read_parquet(out) if suffix == ".parquet" else pd.read_csv(out, float_precision="round_trip")
    assert np.array_equal(scored["probability"], expected)
    refused = cadc("predict", run.name, tmp_path / "rows.csv", "--output", tmp_path / "out.zip")
    assert refused.status == 2
    assert ".zip is not supported" in refused.sentence


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([1, "x"], "column who holds 'int, str'; expected values of one type"),
        ([[1], [2]], "column who holds list"),
        ([1.5, 2.0], "row 1: column who '1.5' has a fraction"),
        ([1, None], "row 2: column who is missing; every row needs one"),
        ([1j, 2j], "column who holds 'complex'"),
    ],
)
def test_a_data_frame_that_is_not_what_it_should_be(run, values, said):
    rows = made_up().head(2).assign(who=pd.Series(values, dtype=object))
    with pytest.raises(cadc_package.CadcError) as error:
        cadc_package.Run(run.name).predict(rows)
    assert said in str(error.value)
