"""`cadc predict`: new rows get the probabilities that the run's model gives them."""

from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cadc.pipeline.build import open_log
from cadc.pipeline.settings import Settings
from tests.support.commands import TINY, cadc, folders, train

WORDS = {
    "dlrm": ("initializer=mf", "sampler.rate=0.5"),
    "factorization": ("model=factorization",),
    "bias": ("model=bias",),
    "platt": ("model=platt", "factorization_rows=crossfit", "factorization_folds=3", "sampler.rate=0.5"),
    "residual": ("model.residual=true", "factorization_rows=complement", "sampler.rate=0.5", "initializer=mf_bias"),
    "content": ("initializer=content", "sampler.rate=0.5"),
}


@pytest.fixture(scope="module")
def finished(session_cache, tmp_path_factory):
    """Folders of a network's and two controls' runs, in one ledger."""
    with folders(session_cache, tmp_path_factory.mktemp("predict") / "runs"):
        return {name: train(*words) for name, words in WORDS.items()}


@pytest.fixture
def ledger(finished, monkeypatch):
    """Puts the ledger of the finished runs in place."""
    monkeypatch.setenv("CADC_RUNS", str(finished["dlrm"].parent))


def raw_rows(split="test"):
    """Return rows of the log with the values that they had before they became ids."""
    log = open_log(Settings.compose(TINY))
    table = pd.DataFrame({side: log.entity_keys(side)[log.column(side, split) - 1] for side in ("user", "item")})
    context = log.column("context_ids", split)
    for index, field in enumerate(log.schema.of("context", bag=False)):
        # A value without training rows has lost its name; any that is no value stands for it.
        values = np.concatenate([[-1], log.vocabulary(field.name)])
        table[field.name] = values[context[:, index]]
    for index, name in enumerate(log.schema.dense):
        table[name] = log.column("dense", split)[:, index]
    return table


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", WORDS)
def test_the_test_rows_get_the_scores_that_the_run_saved(name, finished, ledger, tmp_path):
    raw_rows().to_parquet(tmp_path / "rows.parquet")
    answer = cadc("predict", finished[name].name, tmp_path / "rows.parquet", "--output", tmp_path / "scored.parquet")
    assert answer.status == 0, answer.err
    scored = pd.read_parquet(tmp_path / "scored.parquet")["probability"]
    saved = pd.read_parquet(finished[name] / "scores.parquet")["probability"]
    # Both are scored in one batch, so no sum is taken in another order.
    assert np.array_equal(scored, saved)


def test_csv_in_and_out_give_the_same(finished, ledger, tmp_path):
    table = raw_rows()
    table.to_csv(tmp_path / "rows.csv", index=False)
    on_screen = cadc("predict", finished["dlrm"].name[:8], tmp_path / "rows.csv")
    assert on_screen.status == 0, on_screen.err
    scored = pd.read_csv(StringIO(on_screen.out))
    assert list(scored) == [*table, "probability"]
    saved = pd.read_parquet(finished["dlrm"] / "scores.parquet")["probability"]
    # A float32 survives its decimal form, but reading may round differently in the last place.
    assert scored["probability"].to_numpy() == pytest.approx(saved.to_numpy(), abs=1e-6)
    assert cadc("predict", finished["dlrm"].name, tmp_path / "rows.csv", "--output", tmp_path / "o.csv").out == ""
    assert (tmp_path / "o.csv").read_text() == on_screen.out


def test_what_training_never_saw_counts_as_unknown(finished, ledger, tmp_path):
    table = pd.DataFrame({"user": [10**6, -5, 1], "item": [10**6, 10**7, 1], "hour": [99, 77, 3], "recency": [0.0] * 3})
    table.to_csv(tmp_path / "rows.csv", index=False)
    for run in finished.values():
        answer = cadc("predict", run.name, tmp_path / "rows.csv")
        assert answer.status == 0, answer.err
        first, second, third = pd.read_csv(StringIO(answer.out))["probability"]
        assert 0 < first < 1
        # Kernels may sum the rows of one batch in different orders.
        assert first == pytest.approx(second, rel=1e-6)
        assert first != pytest.approx(third, rel=1e-6)


def test_ids_may_be_texts_and_values_missing(finished, ledger, tmp_path):
    (tmp_path / "rows.csv").write_text("user,item,hour,recency\n1,2,3,0.5\n-7,2,3,0.5\nnobody,2,3,0.5\n1,2,,0.5\n")
    answer = cadc("predict", finished["dlrm"].name, tmp_path / "rows.csv")
    assert answer.status == 0, answer.err
    known, unseen, strange, without_hour = pd.read_csv(StringIO(answer.out))["probability"]
    assert unseen == strange != known != without_hour


@pytest.mark.parametrize("column", ["user", "item"])
@pytest.mark.parametrize("missing", ["", None, np.nan])
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_row_without_a_user_or_item_is_named(column, missing, suffix, finished, ledger, tmp_path):
    table = pd.DataFrame({"user": ["1", "2", "3"], "item": ["1", "2", "3"], "hour": [1, 2, 3], "recency": [0.5] * 3})
    table.loc[1:, column] = missing
    path = tmp_path / f"rows{suffix}"
    table.to_csv(path, index=False) if suffix == ".csv" else table.to_parquet(path)
    answer = cadc("predict", finished["bias"].name, path)
    assert answer.status == 1
    assert answer.sentence == f"cadc: {path}, row 2: column {column} is missing; every row needs one."
    assert answer.out == ""


def test_no_rows_give_no_rows(finished, ledger, tmp_path):
    (tmp_path / "rows.csv").write_text("user,item,hour,recency\n")
    answer = cadc("predict", finished["dlrm"].name, tmp_path / "rows.csv")
    assert answer.status == 0, answer.err
    assert answer.out == "user,item,hour,recency,probability\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "user,hour\n1,2\n",
            "lacks the columns item, recency; needed are user, item, hour, recency; found are 'user', 'hour'.",
        ),
        (
            "who,what,hour,recency\n1,2,3,0.5\n",
            "lacks the columns user, item; needed are user, item, hour, recency; found are 'who', 'what', 'hour', ",
        ),
        ("user,item,hour,recency,probability\n1,2,3,0.5,1\n", "has a column 'probability' already"),
        ("user,item,hour,recency\n1,2,3,0.5\n1,2,3,much\n", "row 2: column recency 'much' is not a number"),
        ("user,item,hour,recency\n1,2,3,inf\n", "row 1: column recency 'inf' is not a finite number"),
        ("user,item,hour,recency\n1,2,3,\n", "row 1: column recency is missing; expected a number"),
        ("", "is empty"),
        ('user,item,hour,recency\n1,"2\n', "line 2: "),
        ("user,item,hour,recency\n1,2,3,4\n1,2,3,4,5\n", "line 3: found 5 columns"),
    ],
)
def test_a_file_that_is_not_what_it_should_be(text, said, finished, ledger, tmp_path):
    (tmp_path / "rows.csv").write_text(text)
    answer = cadc("predict", finished["dlrm"].name, tmp_path / "rows.csv")
    assert answer.status == 1
    assert str(tmp_path / "rows.csv") in answer.sentence
    assert said in answer.sentence
    assert answer.out == ""


def test_a_file_that_cannot_be_read(finished, ledger, tmp_path):
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "rows.parquet").write_text("user,item\n")
    (tmp_path / "bytes.csv").write_bytes(b"user,item,hour,recency\n\xff\xfe,1,1,1\n")
    for name, said in [
        ("folder.csv", "cannot be read: is a directory"),
        ("nowhere.csv", "cannot be read: no such file or directory"),
        ("nowhere.parquet", "cannot be read: no such file or directory"),
        ("rows.parquet", "cannot be read"),
        ("bytes.csv", "is not text in UTF-8"),
    ]:
        answer = cadc("predict", finished["dlrm"].name, tmp_path / name)
        assert answer.status == 1
        assert f"{tmp_path / name} {said}" in answer.sentence


@pytest.mark.parametrize("words", [["predict", "zzz", "{file}"], ["export", "zzz"]], ids=["predict", "export"])
def test_a_run_that_is_not_there(words, ledger, tmp_path):
    (tmp_path / "rows.csv").write_text("user,item,hour,recency\n1,2,3,0.5\n")
    answer = cadc(*[word.format(file=tmp_path / "rows.csv") for word in words])
    assert answer.status == 2
    assert "'zzz' does not name one finished run" in answer.sentence


def test_an_output_that_cannot_be_written(finished, ledger, tmp_path):
    (tmp_path / "rows.csv").write_text("user,item,hour,recency\n1,2,3,0.5\n")
    for name in ("no/folder/out.csv", "no/folder/out.parquet"):
        output = tmp_path / name
        answer = cadc("predict", finished["bias"].name, tmp_path / "rows.csv", "--output", output)
        assert answer.status == 2
        assert "no/folder" in answer.sentence


def test_weights_that_are_broken_are_named(tmp_path):
    folder = train("model=bias")
    (folder / "model.safetensors").write_bytes(b"broken")
    (tmp_path / "rows.csv").write_text("user,item,hour,recency\n1,2,3,0.5\n")
    answer = cadc("predict", folder.name, tmp_path / "rows.csv")
    assert answer.status == 1
    assert f"{folder / 'model.safetensors'} does not have the weights of this model" in answer.sentence


def test_data_that_changed_since_is_refused(tmp_path):
    log = tmp_path / "log.csv"
    lines = [f"{row % 7},{row % 5},{row % 3 // 2}\n" for row in range(100)]
    log.write_text("user,item,label\n" + "".join(lines))
    words = ["data=table", f"data.path={log}", "data.user=user", "data.item=item", "data.label=label", "model=bias"]
    folder = Path(cadc("train", *words).out.splitlines()[-1]).parent
    assert cadc("predict", folder.name, log).status == 0
    log.write_text("user,item,label\n" + "".join(reversed(lines)))
    answer = cadc("predict", folder.name, log)
    assert answer.status == 1
    assert "has changed since" in answer.sentence


@pytest.mark.parametrize("name", WORDS)
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_an_example_has_rows_that_the_same_command_scores(name, suffix, finished, ledger, tmp_path):
    answer = cadc("predict", "--example", finished[name].name, "--output", tmp_path / f"rows.{suffix}")
    assert answer.status == 0, answer.err
    read = pd.read_csv if suffix == "csv" else pd.read_parquet
    rows = read(tmp_path / f"rows.{suffix}")
    assert list(rows) == list(raw_rows())
    assert set(rows["user"]) <= set(raw_rows("train")["user"])
    scored = cadc("predict", finished[name].name, tmp_path / f"rows.{suffix}", "--output", tmp_path / "scored.parquet")
    assert scored.status == 0, scored.err
    assert "unknown" not in scored.err
    assert pd.read_parquet(tmp_path / "scored.parquet")["probability"].between(0, 1).all()


def test_an_example_reads_no_file_and_scores_need_one(finished, ledger, tmp_path):
    run = finished["bias"].name
    both, neither = cadc("predict", "--example", run, tmp_path / "rows.csv"), cadc("predict", run)
    assert (both.status, neither.status) == (2, 2)
    assert "--example writes rows and reads none" in both.err
    assert f"`cadc predict --example {run} --output rows.csv` writes a template" in neither.err
