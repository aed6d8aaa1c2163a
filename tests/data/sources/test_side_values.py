"""Several values of one user or item: refused, the first, the most frequent, or all, as a naive loop finds them."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cadc.data.prepare import prepare
from cadc.data.sources import side_values
from cadc.data.sources.side_values import MISSING, CountedValues, FirstValues
from cadc.data.sources.table import Table
from cadc.data.split import RandomSplit
from cadc.errors import DataError, UsageError
from tests.support.commands import cadc
from tests.support.helpers import decode

ROWS = [
    # item, category, tags
    ("a", "Drama", "x|y"),
    ("b", "", ""),
    ("a", "Comedy", "y|z"),
    ("c", "War", "w|w"),
    ("a", "Comedy", "x|y"),
    ("b", "War|Peace", "v"),
    ("c", "War", "w|w"),
    ("d", "Drama", ""),
    ("d", "Comedy", ""),
]


@pytest.fixture
def path(tmp_path):
    rows = [(row % 7, *own, row % 2) for row, own in enumerate(ROWS * 20)]
    pd.DataFrame(rows, columns=["user", "item", "category", "tags", "label"]).to_csv(tmp_path / "log.csv", index=False)
    return tmp_path / "log.csv"


def source(path, choice, **roles):
    own = {"user": "user", "item": "item", "label": "label", "item_fields": ["category"], "item_bags": ["tags"]}
    return Table(str(path), **(own | roles), on_conflict=choice)


def of_items(log):
    """Values of each item by field, in the order of its bag."""
    keys = log.entity_keys("item")
    rows = log.rows("train")
    found = decode(log, rows)
    items = keys[log.column("item", "train") - 1]
    return {item: {name: found[name][items.tolist().index(item)] for name in ("category", "tags")} for item in keys}


@pytest.mark.parametrize(
    "choice, category, tags",
    [
        (
            "first",
            {"a": "Drama", "b": "War|Peace", "c": "War", "d": "Drama"},
            {"a": "xy", "b": "v", "c": "ww", "d": ""},
        ),
        (
            "most",
            {"a": "Comedy", "b": "War|Peace", "c": "War", "d": "Drama"},
            {"a": "xy", "b": "v", "c": "ww", "d": ""},
        ),
        (
            "bag",
            {"a": ["Comedy", "Drama"], "b": ["War|Peace"], "c": ["War"], "d": ["Comedy", "Drama"]},
            {"a": "xyz", "b": "v", "c": "ww", "d": ""},
        ),
    ],
)
def test_what_counts_is_what_was_chosen(path, choice, category, tags, capsys):
    log = prepare(source(path, choice), RandomSplit())
    found = of_items(log)
    assert {item: own["category"] for item, own in found.items()} == category
    assert {item: "".join(own["tags"]) for item, own in found.items()} == tags
    assert log.schema["category"].bag == (choice == "bag")
    counts = {"first": "the first counts", "most": "the most frequent counts", "bag": "all count"}[choice]
    assert log.meta["remarks"][:2] == [
        f"2 of 4 items have several values of category in their rows, of which {counts} (data.on_conflict={choice})",
        f"1 of 4 items have several values of tags in their rows, of which {counts} (data.on_conflict={choice})",
    ]
    assert "2 of 4 items" in capsys.readouterr().err


def test_the_default_refuses_them_and_says_what_to_choose(path):
    with pytest.raises(DataError, match=r"row 3: item 'a' has category 'Comedy' here and 'Drama' before.*on_conflict"):
        prepare(source(path, "error"), RandomSplit())
    with pytest.raises(UsageError, match="on_conflict is 'last'"):
        source(path, "last")


def test_values_that_agree_are_the_same_whatever_is_chosen(path, tmp_path):
    table = pd.read_csv(path).drop(columns=["category", "tags"]).assign(brand=lambda own: own["item"].str.upper())
    table.to_csv(tmp_path / "other.csv", index=False)
    logs = [
        prepare(source(tmp_path / "other.csv", choice, item_fields=["brand"], item_bags=[]), RandomSplit())
        for choice in ("error", "first", "most")
    ]
    assert len({log.content_hash for log in logs}) == 1
    assert all("several" not in remark for log in logs for remark in log.meta["remarks"])


@pytest.mark.parametrize("choice", ["first", "most", "bag"])
def test_training_with_it_by_the_command_line(path, choice):
    words = ["data=table", f"data.path={path}", "data.user=user", "data.item=item", "data.label=label"]
    words += ["data.item_fields=[category]", f"data.on_conflict={choice}", "trainer.max_epochs=1"]
    answer = cadc("train", *words)
    assert answer.status == 0, answer.err
    assert "items have several values of category" in answer.err


pairs = st.lists(st.tuples(st.integers(0, 4), st.integers(-1, 3)), max_size=40)


@settings(max_examples=300, deadline=None)
@given(pairs, st.integers(1, 9), st.integers(0, 50))
def test_values_are_those_of_a_naive_loop(rows, block, merge_from):
    n = 5
    given_values = {entity: [code for own, code in rows if own == entity and code != MISSING] for entity in range(n)}
    first, counted = FirstValues(), CountedValues()
    differing = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(side_values, "MERGED_ROWS", merge_from)
        for at in range(0, len(rows), block):
            entities, codes = np.array(rows[at : at + block], np.int32).T
            differing += (at + first.add(entities, codes, n)).tolist()
            counted.add(entities, codes, n)
    firsts = {entity: values[0] if values else MISSING for entity, values in given_values.items()}
    if rows:
        assert first.kept(n).tolist() == list(firsts.values())
    assert differing == [at for at, (own, code) in enumerate(rows) if code not in (MISSING, firsts[own])]
    most = [Counter(values).most_common(1)[0][0] if values else MISSING for values in given_values.values()]
    assert counted.most_frequent(n).tolist() == most
    codes, offsets = counted.all(n)
    bags = [codes[a:b].tolist() for a, b in pairwise(offsets)]
    assert bags == [list(dict.fromkeys(values)) for values in given_values.values()]
    several = sum(len(set(values)) > 1 for values in given_values.values())
    assert first.n_conflicts == counted.n_conflicts == several
