"""Items that were shown and passed over before one that was taken, as further pairs of the two-tower network."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cadc.data.prepare import prepare
from cadc.data.sources.table import Table
from cadc.data.split.chronological import ChronologicalSplit
from cadc.models.ranking.passed_over import PassedOver
from tests.models.ranking.two_towers import model_of
from tests.support.commands import cadc, folders


def naive(users, items, times, labels, most):
    """Return the items passed over before each row, the latest first, row by row."""
    found = []
    for row, label in enumerate(labels):
        earlier = [at for at in range(len(labels)) if users[at] == users[row] and times[at] < times[row]]
        earlier.sort(key=lambda at: -times[at])
        while earlier and labels[earlier[0]]:
            earlier.pop(0)
        run = []
        while label and earlier and not labels[earlier[0]]:
            run.append(items[earlier.pop(0)])
        found.append(run[:most])
    return found


class MadeUpLog:
    """What `PassedOver` asks of a log."""

    def __init__(self, users, items, times, labels):
        self.columns = {"user": torch.tensor(users), "item": torch.tensor(items)}
        self.times, self.own_labels = np.array(times), torch.tensor(labels).float()
        self.meta, self.schema = {"name": "made-up"}, {"user": type("Users", (), {"vocabulary_size": 9})}

    def has_column(self, name):
        return name == "time"

    def column(self, name):
        return self.times

    def labels(self, rows):
        return self.own_labels[rows]

    def field_ids(self, name, rows):
        return self.columns[name][rows].int()

    def n_rows(self, split):
        return len(self.times)


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 5), st.booleans()), min_size=1, max_size=25), st.data())
def test_what_was_passed_over_is_found_as_a_loop_over_rows_finds_it(rows, data):
    users, items, labels = (list(column) for column in zip(*rows, strict=True))
    times = data.draw(st.permutations(range(len(rows))))
    most = data.draw(st.integers(1, 4))
    expected = naive(users, items, times, labels, most)
    if not any(expected):
        return
    passed_over = PassedOver(most)
    passed_over.begin(MadeUpLog(users, items, times, labels), torch.arange(len(rows)))
    batch = type("Rows", (), {"row": torch.arange(len(rows)), "ids": torch.tensor(items).unsqueeze(1)})
    contest = passed_over.contest(batch, 0)
    drawn = contest.items[contest.columns]
    assert drawn[:, 0].tolist() == items
    found = [drawn[row][contest.weight[row] > 0].tolist() for row in range(len(rows))]
    assert found == [[item for item in run if item != own] for run, own in zip(expected, items, strict=True)]


@pytest.fixture(scope="module")
def timed_log(tmp_path_factory, session_cache):
    """Log of sessions in which a few of the items that are shown are taken."""
    generator, folder = np.random.default_rng(0), tmp_path_factory.mktemp("shown")
    rows = pd.DataFrame({"user": generator.integers(0, 20, 1500), "item": generator.integers(0, 25, 1500)})
    rows = rows.assign(time=np.arange(1500), label=((rows["user"] + rows["item"]) % 4 == 0).astype(int))
    rows.to_csv(folder / "shown.csv", index=False)
    with folders(session_cache, folder):
        source = Table(path=str(folder / "shown.csv"), user="user", item="item", label="label", time="time")
        return prepare(source, ChronologicalSplit())


@pytest.mark.parametrize("in_batch", [0, "all"])
def test_the_loss_is_that_of_the_other_pairs_and_of_what_was_passed_over(timed_log, in_batch):
    log, rows = timed_log, timed_log.rows("train")
    options = {"loss": "bpr", "in_batch": in_batch, "scorer": "dot"}
    model = model_of(log, passed_over=3, **options)
    batch = log.gather(rows[:200])
    found = model.loss(batch)
    users, items = (log.field_ids(name, rows).tolist() for name in ("user", "item"))
    before = naive(users, items, log.times(rows).tolist(), (log.labels(rows) > 0).tolist(), 3)[:200]
    with torch.no_grad():
        scores = model.item_scorer(log.items(torch.arange(log.n_entities("item"))))(batch)
        others = torch.zeros(200)
        if in_batch == "all":
            others = model_of(log, **options).loss(batch)
    for row, run in enumerate(before):
        pairs = [torch.nn.functional.softplus(scores[row, j] - scores[row, items[row]]) for j in run if j != items[row]]
        expected = float(others[row]) + (float(torch.stack(pairs).mean()) if pairs else 0.0)
        assert float(found[row].detach()) == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_training_on_what_was_passed_over_ranks_it_below(timed_log):
    log = timed_log
    model = model_of(log, passed_over=5, loss="bpr", in_batch=0, scorer="dot")
    batch = log.gather(log.rows("train"))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    losses = []
    for _ in range(80):
        loss = model.loss(batch).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    held_out = log.gather(log.rows("test"))
    scores = model(held_out).detach()
    taken = held_out.label > 0
    assert losses[-1] < 0.7 * losses[0]
    assert (scores[taken][:, None] > scores[~taken]).float().mean() > 0.7


@pytest.mark.parametrize(
    ("column", "sentence"),
    [("time", "has no times; set model.passed_over=0"), ("label", "Set model.passed_over=0")],
)
def test_a_log_in_which_nothing_is_passed_over_is_refused(column, sentence, tmp_path, session_cache):
    rows = pd.DataFrame({"user": np.arange(200) % 20, "item": np.arange(200) % 23, "time": np.arange(200)})
    rows = rows.assign(label=1 if column == "label" else np.arange(200) % 2)
    (rows if column == "label" else rows.drop(columns=column)).to_csv(tmp_path / "rows.csv", index=False)
    own = [f"data.{name}={name}" for name in rows if name in ("user", "item", "label") or column == "label"]
    words = ("data=table", f"data.path={Path(tmp_path / 'rows.csv')}", *own, "model=two_tower", "model.passed_over=3")
    with folders(session_cache, tmp_path / "runs"):
        answer = cadc("train", *words)
    assert sentence in answer.sentence, answer.err
