from collections import Counter

import numpy as np
import pytest
from scipy.io import savemat

from cadc.data.prepare import prepare
from cadc.data.sources.epinions import Epinions, most_frequent
from cadc.data.split.random import RandomSplit
from cadc.errors import DataError
from tests.data.small_sources import write_epinions
from tests.support.helpers import decode


@pytest.fixture
def folder(tmp_path, monkeypatch):
    write_epinions(tmp_path / "publishers" / "epinions")
    monkeypatch.setenv("CADC_DATA_DIR", str(tmp_path / "publishers"))
    return tmp_path / "publishers" / "epinions"


def kept_rows(matrix):
    """Naively: the last row of the latest time bucket of each pair, in the order of the file."""
    best = {}
    for row, (user, item, _, _, _, time) in enumerate(matrix.tolist()):
        if (user, item) not in best or time >= matrix[best[user, item], 5]:
            best[user, item] = row
    return [matrix[row].tolist() for row in sorted(best.values())]


def assert_holds(log, matrix):
    expected = kept_rows(matrix)
    categories = {}
    for item in {row[1] for row in expected}:
        counts = Counter(row[2] for row in expected if row[1] == item)
        categories[item] = min(counts, key=lambda value: (-counts[value], value))
    assert sum(log.meta["rows"].values()) == len(expected)
    rows = log.rows("train")
    found = decode(log, rows)
    for place, row in enumerate(log.column("row", "train")):
        user, item, _, rating, _, time = expected[row]
        assert found["user"][place] == user
        assert found["item"][place] == item
        assert found["category"][place] == str(categories[item])
        assert log.column("label", "train")[place] == (rating >= 5)
        assert log.column("time", "train")[place] == time


def test_repeated_pairs_are_kept_once_and_items_have_their_most_frequent_category(folder):
    matrix = write_epinions(folder)
    assert len(kept_rows(matrix)) < len(matrix)
    assert_holds(prepare(Epinions(), RandomSplit()), matrix)


def test_of_a_repeated_pair_the_latest_bucket_wins_and_then_the_last_in_the_file(folder):
    pairs = [[1, 1, 1, 5, 3, 9], [1, 1, 1, 1, 3, 2], [2, 1, 1, 5, 3, 4], [2, 1, 1, 1, 3, 4]]
    others = [[user, item, 1, 1 + (user + item) % 5, 3, 1] for user in range(3, 9) for item in range(1, 5)]
    matrix = write_epinions(folder, np.array(pairs + others))
    log = prepare(Epinions(), RandomSplit())
    # Rows 0 and 3 of the file are kept, as the rows 0 and 1 of the log.
    labels = dict(zip(log.column("row").tolist(), log.column("label").tolist(), strict=True))
    assert (labels[0], labels[1]) == (1.0, 0.0)
    assert sum(log.meta["rows"].values()) == len(matrix) - 2


def test_the_lowest_of_equally_frequent_values_wins():
    groups, values = np.array([0, 0, 0, 1, 1, 2]), np.array([7, 3, 7, 9, 4, 5])
    assert most_frequent(groups, values).tolist() == [7, 4, 5]


def test_threshold_moves_labels(folder):
    matrix = write_epinions(folder)
    log = prepare(Epinions(threshold=4), RandomSplit())
    expected = kept_rows(matrix)
    assert log.column("label").tolist() == [expected[row][3] >= 4 for row in log.column("row")]


def spoil(path, content):
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        savemat(path, content)


SOUND = np.array([[1, 1, 1, 5, 3, 1]] * 4)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is not a sound MATLAB file"),
        (b"MATLAB 5.0 MAT-file" + bytes(range(256)), "is not a sound MATLAB file"),
        ({"trust": SOUND}, "has no matrix 'rating' of 6 columns"),
        ({"rating": SOUND[:, :5]}, "has no matrix 'rating' of 6 columns"),
        ({"rating": "text"}, "has no matrix 'rating' of 6 columns"),
        ({"rating": SOUND * 2}, "row 1: the rating 10 is not between 1 and 5"),
        ({"rating": SOUND * 0.5}, "row 1: 0.5 in column user is not a whole number"),
    ],
)
def test_broken_matrix_is_one_sentence(folder, content, says):
    path = folder / Epinions.files[0]
    spoil(path, content)
    with pytest.raises(DataError) as error:
        prepare(Epinions(), RandomSplit())
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)
    assert says in str(error.value)


def test_truncated_matrix_is_one_sentence(folder):
    path = folder / Epinions.files[0]
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DataError, match="is not a sound MATLAB file"):
        prepare(Epinions(), RandomSplit())


def test_missing_matrix_is_named(folder):
    (folder / Epinions.files[0]).unlink()
    with pytest.raises(DataError, match="cannot be read: no such file"):
        prepare(Epinions(), RandomSplit())
