"""SASRec that corrects the stack of views: where it starts, what a row's loss is, and its runs."""

import pandas as pd
import pytest
import torch
from torch.nn.functional import cross_entropy

from cadc.errors import CadcError
from cadc.evaluation.tasks import HeldOutRanks
from cadc.ledger import Ledger
from cadc.models.stack.stack import Stack
from cadc.serving.load import load_run
from cadc.testing import made_up_views
from tests.models.sequence.sequences import model_of
from tests.support.commands import TINY, folders, train


@pytest.fixture
def sample(log):
    return log.rows("train")[::3]


@pytest.fixture
def model(log, sample):
    model = model_of(log, sample, views=made_up_views(log))
    model.fit_sample(log, sample)
    return model


def test_it_starts_at_the_stack(log, sample, model):
    stack = Stack(made_up_views(log), "ranking")
    stack.fit_sample(log, sample)
    batch, items, users = log.gather(log.rows("test")), torch.arange(1, 30), torch.arange(1, 9)
    with torch.no_grad():
        assert torch.allclose(model(batch), stack(batch).float())
        scores, expected = (own.item_scorer(log.items(items))(log.users(users)) for own in (model, stack))
    assert torch.allclose(scores, expected)


def test_the_loss_of_a_row_adds_the_network_to_the_stack(log, sample, model):
    alone = model_of(log, sample)
    batch = log.gather(sample[5:60])
    items = model.catalogue
    with torch.no_grad():
        model.base.gate.fill_(0.5)
        network = alone._before_rows(alone.histories.before_rows(batch)) @ alone._vectors(items).T
        numbers = model.base.stack.views.of_items_at(log, sample[5:60], items)
        scores = numbers @ model.base.stack.weights.float() + 0.5 * network
        taken = torch.searchsorted(items, batch.ids[:, model.item_column].long())
        expected = cross_entropy(scores, taken, reduction="none") * batch.label
        torch.testing.assert_close(model.loss(batch), expected, atol=5e-3, rtol=1e-3)  # scores are kept in 16 bits


def test_rows_outside_the_sample_have_no_scores(log, sample, model):
    with pytest.raises(CadcError, match="rows and items of the sample; call fit_sample"):
        model.base.before_rows(sample + 1, model.catalogue)


def test_a_run_is_no_worse_than_the_stack_and_serves_what_it_was_judged_by(tmp_path, session_cache):
    words = ["data/split=leave_one_out", "views=[transitions]", "factorization_rows=complement", "sampler.rate=0.2"]
    network = ["model=sasrec", "trainer=ranking", "trainer.max_epochs=2", "embedding.dim=8", "model.length=10"]
    with folders(session_cache, tmp_path / "runs"):
        stack = train(*TINY, *words, "model=stack", "task=ranking")
        folder = train(*TINY, *words, *network)
        ledger = Ledger(folder.parent)
        record, log, model = load_run(ledger, folder.name)
    of_stack = ledger.record(stack.name)["metrics"]
    assert record["metrics"]["val/ndcg@10"] >= of_stack["val/ndcg@10"] - 1e-9
    ranks = HeldOutRanks(log, "test").table(model)
    pd.testing.assert_frame_equal(pd.read_parquet(folder / "ranks.parquet")[list(ranks)], ranks)
