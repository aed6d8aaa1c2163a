"""The two-tower network that is given a user's latest items."""

import pytest
import torch

from cadc.errors import UsageError
from tests.models.ranking.two_towers import DIM, model_of
from tests.models.sequence.sequences import items_before

HISTORY = (1, 4)


def outputs_of(model, log, batch, before):
    """The user's side for rows that come after these items."""
    table = model.embeddings["item"].dense_tables(log.schema)["item"]
    inputs = [model.dense(model.embeddings["user"](batch), batch.dense)]
    for n in HISTORY:
        means = [table[items[-n:]].mean(0) if items else torch.zeros(DIM) for items in before]
        inputs.append(torch.stack(means).unsqueeze(1))
    return model.scorer.users(model.towers["user"](torch.cat(inputs, 1).flatten(1)))


@pytest.mark.parametrize("source", ["all", "sample"])
def test_a_training_row_reads_the_means_of_the_items_before_it(log, source):
    sample = log.rows("train")[::3]
    model = model_of(log, sample, history=HISTORY, history_rows=source)
    rows = sample[::40]
    batch = log.gather(rows)
    held = sample if source == "sample" else log.rows("train")
    before = [items[: max(0, n_items - 1)] for items, n_items in items_before(log, rows, held)]
    found = model.users(batch, model.histories.before_rows(batch)).outputs
    torch.testing.assert_close(found, outputs_of(model, log, batch, before))


def test_what_is_ranked_has_all_that_is_remembered(log):
    model = model_of(log, history=HISTORY).eval()
    known = torch.cat([log.rows("train"), log.rows("validation")])
    rows = log.rows("test")[:30]
    batch = log.gather(rows)
    of_training = model(batch)
    model.remember(log, known)
    before = [items for items, _ in items_before(log, rows, known, now=1 << 40)]
    torch.testing.assert_close(model.users(batch).outputs, outputs_of(model, log, batch, before))
    assert not torch.equal(model(batch), of_training)


def test_without_a_history_nothing_of_it_is_saved(log):
    assert not any("histories" in name for name in model_of(log).state_dict())
    assert any("histories" in name for name in model_of(log, history=(2,)).state_dict())
    with pytest.raises(UsageError, match=r"model\.history"):
        model_of(log, history=(0, 3))
