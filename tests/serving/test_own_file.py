"""`cadc predict` on a run's own file gives the test rows the probabilities that the run saved, bit for bit.

Files vary over types of ids and context, missing values, separators, compression and models.
"""

import datetime as dt
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.support.commands import cadc, folders

N_ROWS = 240
TEXTS = [
    "03",
    "3",
    "NA",
    "nan",
    "null",
    "None",
    " x",
    "x ",
    "é",
    "ガ",
    'a"b',
    "a,b",
    "a;b\tc|d",
    "=1+1",
    "True",
    "-",
    ".",
]


def whole(kind):
    return lambda codes: pa.array([None if code is None else code - 3 for code in codes], kind)


def decimals(codes):
    return pa.array([None if code is None else Decimal(code) for code in codes], pa.decimal128(8, 2))


def texts(kind, values=TEXTS):
    def make(codes):
        found = [None if code is None else values[code % len(values)] for code in codes]
        is_binary = pa.types.is_binary(kind) or pa.types.is_large_binary(kind)
        return pa.array([text and text.encode() for text in found] if is_binary else found, kind)

    return make


KINDS = {
    **{str(kind): whole(kind) for kind in (pa.int8(), pa.int64(), pa.float32(), pa.float64(), pa.float16())},
    "uint64": lambda codes: pa.array([None if code is None else 2**63 + code for code in codes], pa.uint64()),
    "decimal": decimals,
    "bool": lambda codes: pa.array([None if code is None else code % 2 == 0 for code in codes]),
    "date": lambda codes: pa.array([None if code is None else dt.date(2024, 1, 1 + code) for code in codes]),
    **{str(kind): texts(kind) for kind in (pa.string(), pa.large_string(), pa.string_view(), pa.binary())},
    "dictionary of numbers": lambda codes: whole(pa.int64())(codes).dictionary_encode(),
    "dictionary of texts": lambda codes: texts(pa.string())(codes).dictionary_encode(),
    "numbers as texts": texts(pa.string(), ["1", "1.0", "01", "2", "2.0", "10", "1e1"]),
}
CSV_SUFFIXES = {".csv": ",", " semicolons.csv": ";", ".tsv": "\t", ".csv.gz": ",", " pipes.CSV": "|"}


def column(kind, n_values, rng, has_missing):
    codes = rng.integers(0, n_values, N_ROWS).tolist()
    return KINDS[kind]([None if has_missing and rng.random() < 0.1 else code for code in codes])


def write_csv(path, table, separator):
    kinds = {kind: pa.string() for kind in (pa.string_view(), pa.large_string())}
    fields = [field.with_type(kinds.get(field.type, field.type)) for field in table.schema]
    frame = table.cast(pa.schema(fields)).to_pandas(types_mapper=pd.ArrowDtype)
    for name in frame:
        if pa.types.is_binary(table.schema.field(name).type):
            frame[name] = frame[name].map(lambda value: value.decode(), na_action="ignore")
    frame.to_csv(path, sep=separator, index=False)


def probabilities(run, path):
    out = path.with_name("scored.parquet")
    answer = cadc("predict", run, path, "--output", out)
    assert answer.status == 0, answer.err
    return pd.read_parquet(out)["probability"].to_numpy()


def check_own_file(user, item, context, missing, suffix, network, seed):
    rng = np.random.default_rng(seed)
    table = pa.table(
        {
            "who": column(user, 12, rng, False),
            "unused": pa.array(rng.random(N_ROWS)),
            "what": column(item, 15, rng, False),
            "hour": column(context, 6, rng, missing),
            "price": pa.array(rng.lognormal(3, 2, N_ROWS)),
            "bought": pa.array(rng.integers(0, 2, N_ROWS)),
        }
    )
    with TemporaryDirectory() as name, folders(Path(name) / "cache", Path(name) / "runs"):
        columnar, separated = Path(name) / "log.parquet", Path(name) / f"log{suffix}"
        pa.parquet.write_table(table, columnar)
        write_csv(separated, table, CSV_SUFFIXES[suffix])
        model = ["trainer.max_epochs=1", "trainer.batch_size=64"] if network else ["model=bias"]
        roles = ["data.user=who", "data.item=what", "data.label=bought", "data.context_fields=[hour]"]
        for own in (columnar, separated):
            words = ["data=table", f"data.path='{own}'", *roles, "data.dense=[price]", "data.quoting=double", *model]
            answer = cadc("train", *words, "data.split.test=0.4")
            assert answer.status == 0, answer.err
            folder = Path(answer.out.splitlines()[-1]).parent
            saved = pd.read_parquet(folder / "scores.parquet")
            found = probabilities(folder.name, own)
            assert np.array_equal(found[saved["row"]], saved["probability"]), own
            # The same rows in the other format mean the same to the same run.
            other = probabilities(folder.name, separated if own is columnar else columnar)
            assert np.array_equal(found, other), own


CASES = given(
    user=st.sampled_from(sorted(KINDS)),
    item=st.sampled_from(sorted(KINDS)),
    context=st.sampled_from(sorted(KINDS)),
    missing=st.booleans(),
    suffix=st.sampled_from(sorted(CSV_SUFFIXES)),
    network=st.booleans(),
    seed=st.integers(0, 1000),
)
COSTLY = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow],
    # A case takes seconds, and to shrink one takes many cases.
    "phases": [Phase.explicit, Phase.reuse, Phase.generate],
}


@CASES
@settings(max_examples=6, **COSTLY)
def test_scores_of_the_own_file_are_those_saved(**case):
    check_own_file(**case)


@pytest.mark.exhaustive
@CASES
@settings(max_examples=300, **COSTLY)
def test_scores_of_many_own_files_are_those_saved(**case):
    check_own_file(**case)
