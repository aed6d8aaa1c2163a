"""Coherence of users against loops over their pairs of items."""

import math
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cadc.data.log import InteractionLog
from cadc.data.prepare import prepare
from cadc.data.sources.synthetic import Synthetic
from cadc.data.split.random import RandomSplit
from cadc.errors import NotWritable
from cadc.evaluation import coherence as module
from cadc.evaluation import user_coherence as of_log
from cadc.evaluation.coherence import coherence, items_of_users
from cadc.evaluation.user_coherence import user_coherence

ROWS = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 9)), max_size=60)


def by_hand(rows, n_users):
    """Return surprise and conditional surprise of each user by their definitions."""
    of_user = [{item for user, item in rows if user == own} for own in range(n_users)]
    who = {item: {user for user in range(n_users) if item in of_user[user]} for _, item in rows}
    n = sum(map(bool, of_user))
    alone, given_others = [], []
    for items in of_user:
        pairs = list(permutations(sorted(items), 2))
        surprises = [-math.log(len(who[i]) / n) for i in items]
        conditional = [-math.log(len(who[i] & who[j]) / len(who[j])) for i, j in pairs]
        alone.append(sum(surprises) / len(items) if items else np.nan)
        given_others.append(sum(conditional) / len(pairs) if pairs else np.nan)
    return alone, given_others


@pytest.mark.parametrize("pairs", [1, 7, 1 << 19])
@pytest.mark.parametrize("many_items", [1, 10**9])
@given(rows=ROWS)
def test_surprises_are_those_of_their_definitions(pairs, many_items, rows):
    # Items of large numbers make pairs that are sorted instead of counted.
    users, items = (np.array([row[side] for row in rows], np.int64) for side in (0, 1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "PAIRS", pairs)
        n_items = 10 if many_items == 1 else 5000
        found = coherence(items_of_users(users, items * (n_items // 10), 8, n_items))
    alone, given_others = by_hand(rows, 8)
    np.testing.assert_allclose(found.surprise, alone, atol=1e-12)
    np.testing.assert_allclose(found.conditional, given_others, atol=1e-12)


@given(rows=ROWS, seed=st.integers(0, 2**32))
def test_names_and_order_of_rows_do_not_matter(rows, seed):
    rng = np.random.default_rng(seed)
    users, items = (np.array([row[side] for row in rows], np.int64) for side in (0, 1))
    order, renamed = rng.permutation(len(rows)), rng.permutation(10)
    one = coherence(items_of_users(users, items, 8, 10))
    other = coherence(items_of_users(users[order], renamed[items[order]], 8, 10))
    np.testing.assert_allclose(one, other, atol=1e-12)


def test_a_user_whose_items_go_together_is_more_coherent_than_one_of_both_camps():
    rows = [(user, item) for user in range(20) for item in range(5)]
    rows += [(user, item) for user in range(20, 40) for item in range(5, 10)]
    rows += [(40, item) for item in (0, 1, 5, 6, 7)]
    found = coherence(items_of_users(*np.array(rows).T, 41, 10))
    assert found.surprise[40] == pytest.approx(found.surprise[0], abs=0.05)
    assert found.conditional[40] > found.conditional[0] + 1


@pytest.fixture
def log(session_cache, monkeypatch):
    monkeypatch.setattr(of_log, "_last", {})
    return prepare(Synthetic(n_rows=2000, n_users=40, n_items=50), RandomSplit())


def test_the_coherence_of_a_log_is_that_of_its_training_rows_and_is_measured_once(log, monkeypatch):
    found = user_coherence(log)
    rows = list(zip(log.column("user", "train").tolist(), log.column("item", "train").tolist(), strict=True))
    for values, right in zip(found, by_hand(rows, log.n_entities("user")), strict=True):
        np.testing.assert_allclose(values, right)
    monkeypatch.setattr(of_log, "coherence", lambda entries: pytest.fail("measured again"))
    assert user_coherence(InteractionLog(log.folder)) is found


def test_another_log_has_a_coherence_of_its_own(log):
    other = prepare(Synthetic(n_rows=2000, n_users=40, n_items=50, seed=1), RandomSplit())
    first = user_coherence(log).surprise.copy()
    assert not np.array_equal(user_coherence(other).surprise, first)
    np.testing.assert_array_equal(user_coherence(log).surprise, first)


def test_logs_of_too_many_pairs_are_not_measured(log, monkeypatch):
    monkeypatch.setattr(of_log, "MOST_PAIRS", 100)
    assert user_coherence(log) is None


def test_a_log_of_many_pairs_is_measured_once_for_all_processes(log, monkeypatch):
    direct = user_coherence(log)
    monkeypatch.setattr(of_log, "FEW_PAIRS", 0)
    of_log._last.clear()
    first = user_coherence(log)
    of_log._last.clear()
    monkeypatch.setattr(of_log, "coherence", lambda entries: pytest.fail("measured again"))
    for found in (first, user_coherence(log)):
        np.testing.assert_array_equal(found, direct)


def test_a_cache_that_cannot_be_written_does_not_matter(log, monkeypatch):
    def refuse(*asked):
        raise NotWritable("the cache is full")

    direct = user_coherence(log)
    monkeypatch.setattr(of_log, "FEW_PAIRS", 0)
    monkeypatch.setattr(of_log, "cached_folder", refuse)
    of_log._last.clear()
    np.testing.assert_array_equal(user_coherence(log), direct)
