"""A table of one's own: CSV and Parquet give the same log, and each way to be wrong gets one sentence."""

import csv
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

from cadc.components import build
from cadc.data import columns as columns_module
from cadc.data.prepare import prepare
from cadc.data.sources.table import Table
from cadc.data.split import SPLITS, RandomSplit
from cadc.data.split.leave_one_out import LeaveOneOutSplit
from cadc.errors import CadcError, DataError, UsageError
from tests.commands import TINY, cadc
from tests.helpers import decode

N_ROWS = 200
ROLES = {
    "user": "customer",
    "item": "product",
    "label": "bought",
    "time": "day",
    "user_fields": ["country"],
    "item_fields": ["brand"],
    "item_bags": ["tags"],
    "context_fields": ["device"],
    "dense": ["price"],
}


def made_up_rows():
    rng = np.random.default_rng(0)
    rows = []
    for row in range(N_ROWS):
        user, item = int(rng.integers(12)), int(rng.integers(15))
        rows.append(
            {
                "customer": f"{user:03d}",
                "product": f"p,{item}" if item == 3 else f"p{item}",
                "bought": row % 3 // 2,
                "stars": int(rng.integers(1, 6)),
                "day": f"2024-{row % 12 + 1:02d}-01 10:00:{row % 60:02d}",
                "country": ["fr", "de", "ガ", ""][user % 4],
                "brand": ["a", "b"][item % 2],
                "tags": ["x|y", "y", "", "z||x"][item % 4],
                "device": ["tv", "", "phone"][int(rng.integers(3))],
                "price": round(float(rng.random()), 6),
                "unused": "?",
            }
        )
    return rows


@pytest.fixture
def path(tmp_path):
    """A CSV file of the made-up rows."""
    rows = made_up_rows()
    with (tmp_path / "sales.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return tmp_path / "sales.csv"


def sentence(path, split=None, **options):
    with pytest.raises(CadcError) as error:
        prepare(Table(**({"path": str(path)} | ROLES | options)), split or RandomSplit())
    assert "\n" not in str(error.value)
    return str(error.value)


def test_every_row_carries_the_values_of_its_line(path):
    log = prepare(Table(str(path), **ROLES), RandomSplit())
    rows = made_up_rows()
    train = [rows[row] for row in log.column("row", "train")]
    assert [field.name for field in log.schema.fields] == ["user", "country", "item", "brand", "tags", "device"]
    assert log.schema.dense == ("price",)
    names = {"user": "customer", "item": "product"}
    for split in SPLITS:
        found = decode(log, log.rows(split))
        for place, row in enumerate(log.column("row", split)):
            for field in log.schema.single:
                name = names.get(field.name, field.name)
                known = {other[name] for other in train} - {""}
                assert found[field.name][place] == (rows[row][name] if rows[row][name] in known else None)
            assert found["tags"][place] == sorted(tag for tag in rows[row]["tags"].split("|") if tag)
            assert log.column("label", split)[place] == rows[row]["bought"]
            assert log.column("dense", split)[place, 0] == np.float32(rows[row]["price"])
            assert log.column("time", split)[place] == pd.Timestamp(rows[row]["day"]).timestamp()


def test_csv_tsv_and_parquet_in_blocks_of_any_size_give_the_same_log(path, tmp_path, monkeypatch, empty_cache):
    expected = prepare(Table(str(path), **ROLES), RandomSplit()).content_hash
    frame = pd.read_csv(path, dtype={"customer": str}, keep_default_na=False)
    frame.to_csv(tmp_path / "sales.tsv", sep="\t", index=False)
    frame["day"] = pd.to_datetime(frame["day"])
    frame["brand"] = frame["brand"].astype("category")
    frame["device"] = frame["device"].replace("", None)
    frame["bought"] = frame["bought"] == 1
    frame.to_parquet(tmp_path / "sales.parquet")
    empty_cache.rename(empty_cache.with_name("set aside"))
    monkeypatch.setattr(columns_module, "BLOCK_BYTES", 1 << 11)
    monkeypatch.setattr(columns_module, "PARQUET_ROWS", 7)
    for name in ("sales.csv", "sales.tsv", "sales.parquet"):
        source = Table(str(tmp_path / name), **ROLES)
        assert sum(1 for _ in source.read().chunks) > 3
        assert prepare(source, RandomSplit()).content_hash == expected, name


def test_description_in_a_file_equals_options_and_options_win(path, tmp_path):
    description = tmp_path / "sales.yaml"
    description.write_text("".join(f"{key}: {value}\n" for key, value in ROLES.items()))
    whole = prepare(Table(str(path), str(description)), RandomSplit())
    assert whole.content_hash == prepare(Table(str(path), **ROLES), RandomSplit()).content_hash
    other = prepare(Table(str(path), str(description), dense=["stars"]), RandomSplit())
    assert other.schema.dense == ("stars",)


def test_changed_description_is_prepared_anew(path, tmp_path):
    description = tmp_path / "sales.yaml"
    hashes = set()
    for dense in ("price", "stars"):
        description.write_text(f"user: customer\nitem: product\nlabel: bought\ndense: [{dense}]\n")
        hashes.add(prepare(Table(str(path), str(description)), RandomSplit()).content_hash)
    assert len(hashes) == 2


def test_rating_becomes_a_label_from_the_threshold_on(path):
    log = prepare(Table(str(path), user="customer", rating="stars", threshold=4), RandomSplit())
    stars = np.array([row["stars"] for row in made_up_rows()])
    assert log.column("label").tolist() == (stars[log.column("row")] >= 4).tolist()


def test_log_of_clicks_needs_neither_user_nor_item(path):
    log = prepare(Table(str(path), label="bought", context_fields=["device", "brand"], min_count=70), RandomSplit())
    assert log.entities == {}
    assert log.gather(log.rows("test")).ids.shape == (20, 2)
    counts = pd.Series([made_up_rows()[row]["device"] for row in log.column("row", "train")]).value_counts()
    assert set(log.vocabulary("device")) == {name for name, n in counts.items() if n >= 70 and name}


@pytest.mark.parametrize(
    "day", ["5", "-7", "1970-01-01", "1970-01-01T00:00:05", "1970-01-01 00:00:05.7", "1970-01-01T01:00:05Z"]
)
def test_times_are_seconds_or_dates(tmp_path, day):
    path = tmp_path / "t.csv"
    path.write_text("u,y,t\n" + f"a,0,{day}\nb,1,{day}\n" * 10)
    log = prepare(Table(str(path), user="u", label="y", time="t"), RandomSplit())
    expected = int(day) if day.lstrip("-").isdecimal() else int(pd.Timestamp(day).timestamp())
    assert set(log.column("time").tolist()) == {expected}


def test_name_is_that_of_the_records(path):
    assert prepare(Table(str(path), name="sales", **ROLES), RandomSplit()).meta["name"] == "sales"
    assert prepare(Table(str(path), **ROLES), RandomSplit()).meta["edition"] == "local"


ROW = {"customer": "000", "product": "p0", "bought": "1", "stars": "3", "day": "2024-01-01", "country": "fr"}
ROW |= {"brand": "a", "tags": "x|y", "device": "tv", "price": "0.5", "unused": ""}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"bought": "2"}, "row 201: column bought '2' is no label; it must be 0 or 1."),
        ({"bought": "yes"}, "row 201: column bought 'yes' is no number."),
        ({"bought": ""}, "row 201: column bought is missing; expected a number."),
        ({"price": "dear"}, "row 201: column price 'dear' is no number."),
        ({"price": "inf"}, "row 201: column price 'inf' is no finite number."),
        ({"price": ""}, "row 201: column price is missing; expected a number."),
        ({"customer": ""}, "row 201: column customer is missing; every row needs one."),
        ({"product": ""}, "row 201: column product is missing; every row needs one."),
        ({"day": "soon"}, "row 201: column day 'soon' is no time; expected whole seconds, or such as"),
        ({"day": ""}, "row 201: column day is missing; expected whole seconds, or such as"),
        ({"day": "77"}, "column day mixes ways to write a time"),
        ({"brand": "b"}, "row 201: item 'p0' has brand 'b' here and 'a' before; a feature of the item is the same"),
        ({"brand": ""}, "row 201: item 'p0' has brand '' here and 'a' before"),
        ({"tags": "y|x"}, "row 201: item 'p0' has tags 'y|x' here and 'x|y' before"),
        ({"country": "de"}, "row 201: user '000' has country 'de' here and 'fr' before; a feature of the user"),
        ({"unused": "a,b,c"}, "cannot be read: CSV parse error: Expected 11 columns, got 13"),
    ],
)
@pytest.mark.parametrize("block", [1 << 23, 1 << 11])
def test_faulty_row_is_named(path, change, says, block, monkeypatch):
    monkeypatch.setattr(columns_module, "BLOCK_BYTES", block)
    if block < 1 << 20 and "mixes" in says:
        return  # a block of numbers alone may follow one of dates: both are seconds since 1970
    with path.open("a") as file:
        file.write(",".join((ROW | change).values()) + "\n")
    message = sentence(path)
    assert str(path) in message
    # Where Arrow has one thread only, it also says which row it is.
    assert says in message.replace("Row #202: ", "")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"user": "costumer"}, "has no column 'costumer'; did you mean customer?"),
        ({"user": "CUSTOMER"}, "has no column 'CUSTOMER'; did you mean customer?"),
        ({"dense": ["qqq"]}, "has no column 'qqq'; it has customer, product, bought"),
        ({"label": None}, "data=table needs either label (a column of 0 and 1) or rating with threshold."),
        ({"rating": "stars", "threshold": 4.0}, "needs either label (a column of 0 and 1) or rating with threshold."),
        ({"label": None, "rating": "stars"}, "rating and threshold go together"),
        ({"threshold": 4.0}, "rating and threshold go together"),
        ({"item": None}, "gives items the feature 'brand' but names no column item."),
        ({"user": None}, "gives users the feature 'country' but names no column user."),
        ({"context_fields": ["brand"]}, "uses the column 'brand' twice; give it one meaning."),
        ({"bag_separator": ""}, "bag_separator is empty"),
        ({"time": "unused"}, "row 1: column unused '?' is no time"),
        ({"min_count": 0}, "data.min_count is 0; it must be at least 1."),
    ],
)
def test_description_that_does_not_fit_is_named(path, options, says):
    assert says in sentence(path, **options)


def test_path_is_needed():
    with pytest.raises(UsageError, match=r"data=table needs data\.path"):
        prepare(Table(**ROLES), RandomSplit())


def test_description_without_anything_to_tell_rows_apart_is_named(path):
    with pytest.raises(UsageError, match="names neither user, item nor context_fields"):
        prepare(Table(str(path), label="bought", dense=["price"]), RandomSplit())


def test_columns_that_the_log_cannot_name_are_named(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("u,y,time,the hour\n" + "a,0,1,2\nb,1,1,2\n" * 10)
    options = {"user": "u", "label": "y", "user_fields": [], "item": None, "item_fields": [], "item_bags": []}
    options |= {"time": None, "dense": []}
    assert "has a feature 'time', a name that the log itself uses" in sentence(path, **options, context_fields=["time"])
    assert "a field is named 'the hour'" in sentence(path, **options, context_fields=["the hour"])


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("t.csv", b"", "t.csv is empty; expected a line of column names, then rows."),
        ("t.csv", ",".join(ROW).encode() + b"\n", "table holds no rows"),
        (
            "t.csv",
            b"customer,customer,a\n1,2,3\n",
            "t.csv has 2 columns 'customer'; every column needs a name of its own.",
        ),
        ("t.csv", ",".join(ROW).encode() + b"\n1,2,1,1,1,\xff\xfe,1,1,1,1,1\n", "t.csv is not text in UTF-8"),
        ("t.xls", b"1", "t.xls is neither .csv (commas), .tsv or .txt (tabs) nor .parquet; rename or convert it."),
        ("t.parquet", b"", "t.parquet cannot be read: Parquet file size is 0 bytes."),
        ("t.parquet", b"customer,product\n1,1\n", "t.parquet cannot be read: Parquet magic bytes not found"),
        ("t.csv", None, "t.csv cannot be read: no such file or directory."),
    ],
)
def test_file_that_is_no_table_is_named(tmp_path, name, content, says):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert says in sentence(tmp_path / name)


def test_what_a_file_holds_cannot_write_to_the_terminal(tmp_path):
    path = tmp_path / "t.csv"
    for content in ("a\x1b[2J,b\n1,2\n", "customer,b\n\x1b[2J" + "x" * 10_000 + "\n"):
        path.write_text(content)
        message = sentence(path)
        if content.startswith("customer"):
            with pytest.raises(DataError) as error:
                list(columns_module.read_columns(path, ["customer"]))
            message = str(error.value)
        assert message.isprintable()
        assert len(message) < 500


def test_folder_in_place_of_a_file_is_named(tmp_path):
    (tmp_path / "t.csv").mkdir()
    assert "cannot be read: is a directory" in sentence(tmp_path / "t.csv")


def test_truncated_parquet_is_named(path, tmp_path):
    whole = tmp_path / "t.parquet"
    pd.read_csv(path).to_parquet(whole)
    whole.write_bytes(whole.read_bytes()[:-9])
    assert f"{whole} cannot be read" in sentence(whole)


@pytest.mark.parametrize(
    ("column", "values", "says"),
    [
        ("customer", pa.array([1.5] * 4), "column customer holds double; expected texts or whole numbers."),
        ("customer", pa.array([1, 2, None, 3]), "row 3: column customer is missing; every row needs one."),
        ("brand", pa.array([[1]] * 4), "column brand holds list"),
        ("bought", pa.array(["0", "1", "x", "1"]), "row 3: column bought 'x' is no number."),
        ("bought", pa.array([0, 1, None, 1]), "row 3: column bought is missing"),
        ("bought", pa.array([0, 1, 3, 1]), "row 3: column bought '3' is no label; it must be 0 or 1."),
        ("price", pa.array([0.5, 1, float("nan"), 1]), "row 3: column price 'nan' is no finite number."),
        ("price", pa.array([b"1"] * 4), "column price holds binary; expected a number."),
        ("day", pa.array([1.0, 2.0, 2.5, 3.0]), "row 3: column day '2.5' is no whole number"),
    ],
)
def test_parquet_of_the_wrong_types_is_named(tmp_path, column, values, says):
    columns = {
        "customer": pa.array(["a", "b", "c", "d"]),
        "product": pa.array(range(4)),
        "bought": pa.array([0, 1, 0, 1]),
    }
    columns |= {"day": pa.array(range(4)), "country": pa.array(["x"] * 4), "brand": pa.array(["x"] * 4)}
    columns |= {"tags": pa.array(["x"] * 4), "device": pa.array(["x"] * 4), "price": pa.array([0.0] * 4)}
    pa.parquet.write_table(pa.table(columns | {column: values}), tmp_path / "t.parquet")
    assert says in sentence(tmp_path / "t.parquet")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"costumer: customer\n", "has the key 'costumer', which a table has not; it has name, user"),
        (b"usr: customer\n", "has the key 'usr', which a table has not; did you mean user"),
        (b"path: sales.csv\n", "has the key 'path', which a table has not"),
        (b"- user\n", "must hold lines such as `user: customer_id`"),
        (b"", "must hold lines such as `user: customer_id`"),
        (b"1: user\n", "must hold lines such as `user: customer_id`"),
        (b"user: [a\n", "line 2 is no YAML"),
        (b"\xff\xfe", "is not text in UTF-8"),
        (b"user: [customer]\n", "user is ['customer']; expected a text or null."),
        (b"dense: price\n", "dense is 'price'; expected a list such as"),
        (b"threshold: high\n", "threshold is 'high'; expected a finite number or null."),
        (b"!!python/object/apply:os.getcwd []\n", "asks for more than a plain value"),
        (b"user: " + b"a" * 110_000, "has more than 100000 bytes"),
        (None, "cannot be read: no such file or directory."),
    ],
)
def test_description_that_is_none_is_named(path, tmp_path, content, says):
    description = tmp_path / "sales.yaml"
    if content is not None:
        description.write_bytes(content)
    with pytest.raises(DataError) as error:
        Table(str(path), str(description))
    assert "\n" not in str(error.value)
    assert str(description) in str(error.value)
    assert says in str(error.value)


def test_split_by_time_of_a_table_without_times_is_named(path):
    assert "table has no time column, which LeaveOneOutSplit needs" in sentence(path, LeaveOneOutSplit(), time=None)


def words(path, **roles):
    lists = {key: f"[{','.join(value)}]" if isinstance(value, list) else value for key, value in roles.items()}
    return ["data=table", f"data.path={path}", *(f"data.{key}={value}" for key, value in lists.items())]


def test_words_of_a_command_describe_a_table_too(path):
    from cadc.choices import source_options
    from cadc.config import compose_config

    source = build(source_options(compose_config(words(path, **ROLES))), "data")
    assert prepare(source, RandomSplit()).content_hash == prepare(Table(str(path), **ROLES), RandomSplit()).content_hash


def test_table_can_be_trained_on_and_one_class_is_a_sentence(path):
    tiny = [word for word in TINY if not word.startswith("data")]
    roles = {"user": "customer", "item": "product", "context_fields": ["device"], "dense": ["price"]}
    answer = cadc("train", *words(path, **roles, label="bought"), *tiny)
    assert answer.status == 0, answer.err
    answer = cadc("train", *words(path, **roles, rating="stars", threshold=1), *tiny)
    assert answer.status == 1
    assert "labels of the train part of table are 1, so AUC is undefined" in answer.sentence


def test_log_of_clicks_can_be_trained_on(path):
    tiny = [word for word in TINY if not word.startswith("data")]
    answer = cadc("train", *words(path, label="bought", context_fields=["device", "brand"], dense=["price"]), *tiny)
    assert answer.status == 0, answer.err


def test_new_rows_with_texts_that_look_like_numbers_are_scored_like_the_old_ones(path, tmp_path):
    from cadc.building import open_log
    from cadc.config import compose_config

    roles = {"user": "customer", "item": "product", "label": "bought", "context_fields": ["device"], "dense": ["price"]}
    tiny = [word for word in TINY if not word.startswith("data")]
    answer = cadc("train", *words(path, **roles), *tiny)
    folder = Path(answer.out.splitlines()[-1]).parent
    rows = made_up_rows()
    log = open_log(compose_config(words(path, **roles)))
    new = tmp_path / "new.csv"
    with new.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["user", "item", "device", "price"])
        writer.writerows(
            [rows[row][name] for name in ("customer", "product", "device", "price")]
            for row in log.column("row", "test")
        )
    answer = cadc("predict", folder.name, new)
    assert answer.status == 0, answer.err
    scored = pd.read_csv(StringIO(answer.out), dtype={"user": str})
    saved = pd.read_parquet(folder / "scores.parquet")
    assert scored["user"].tolist() == saved["user"].tolist()
    np.testing.assert_allclose(scored["probability"], saved["probability"], rtol=1e-6)
    assert scored["probability"].nunique() > 10
