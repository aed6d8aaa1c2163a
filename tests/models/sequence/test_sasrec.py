"""SASRec: what a row sees, how it is scored, that it learns an order, and what it saves."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import gelu, layer_norm, linear

from cadc.embeddings.base.serving_state import stored_state
from cadc.embeddings.schemes.hashing import Hashing
from cadc.errors import CadcError, UsageError
from cadc.models import SASRec
from cadc.testing.logs import log_with
from cadc.training.objective import Objective
from tests.models.sequence.sequences import DIM, collection_of, items_before, model_of
from tests.support.helpers import small_synthetic_log

LENGTH = 7


def naive_output(model, schema, before, last):
    """The output behind some items, where the user's last prediction comes behind `last` items; one by one."""
    table = model.embeddings.dense_tables(schema)["item"]
    shift = LENGTH * ((last - len(before)) // LENGTH + 1) - 1 - last
    inputs = [model.start, *(table[item] * DIM**0.5 for item in before)]
    tokens = [token + model.positions[number + shift] for number, token in enumerate(inputs) if number + shift >= 0]
    for block in model.blocks:
        rows = [linear(normed(token, block.norms[0]), block.inputs.weight, block.inputs.bias) for token in tokens]
        query, key, value = (
            [row.split(DIM)[part].unflatten(0, (block.heads, -1)) for row in rows] for part in range(3)
        )
        for now in range(len(tokens)):
            heads = []
            for head in range(block.heads):
                found = torch.stack([query[now][head] @ key[past][head] for past in range(now + 1)])
                shares = (found / (DIM / block.heads) ** 0.5).softmax(0)
                heads.append(sum(share * value[past][head] for past, share in enumerate(shares)))
            tokens[now] = tokens[now] + linear(torch.cat(heads), block.outputs.weight, block.outputs.bias)
        for now, token in enumerate(tokens):
            hidden = gelu(linear(normed(token, block.norms[1]), block.hidden.weight, block.hidden.bias))
            tokens[now] = token + linear(hidden, block.back.weight, block.back.bias)
    return normed(tokens[-1], model.norm)


def normed(token, norm):
    return layer_norm(token, (DIM,), norm.weight, norm.bias)


@pytest.mark.parametrize(
    ("every", "history", "layers", "heads"), [(1, "all", 2, 2), (3, "all", 1, 4), (3, "sample", 1, 1)]
)
def test_losses_are_those_of_a_naive_model_row_by_row(log, every, history, layers, heads):
    sample = log.rows("train")[::every]
    model = model_of(log, sample, history_rows=history, layers=layers, heads=heads, length=LENGTH)
    table = model.embeddings.dense_tables(log.schema)["item"]
    rows = sample[torch.randperm(len(sample), generator=torch.Generator().manual_seed(0))[:40]]
    losses = model.loss(log.gather(rows))
    catalogue = sorted(set(log.field_ids("item", sample).tolist()))
    held = sample if history == "sample" else log.rows("train")
    for row, loss, (before, n_items) in zip(rows, losses, items_before(log, rows, held), strict=True):
        last = max(n_items - 1, 0)
        scores = table[catalogue] @ naive_output(model, log.schema, before[:last], last)
        own = catalogue.index(int(log.field_ids("item", row[None])))
        expected = -scores.log_softmax(0)[own] * log.labels(row[None])[0]
        torch.testing.assert_close(loss, expected, atol=1e-4, rtol=1e-4)


def test_items_are_ranked_behind_all_that_is_remembered(log):
    model = model_of(log, length=LENGTH)
    known = torch.cat([log.rows("train"), log.rows("validation")])
    model.remember(log, known)
    table = model.embeddings.dense_tables(log.schema)["item"]
    users, items = torch.arange(1, 16), torch.arange(1, 40)
    scores = model.item_scorer(log.items(items))(log.users(users))
    rows = log.rows("test")
    first = {int(user): row for row, user in zip(rows, log.entity_rows("user", rows), strict=True)}
    asked = [user for user in users.tolist() if user in first]
    assert len(asked) > 10
    late = 1 << 40
    for user in asked:
        _, n_items = items_before(log, first[user][None], known)[0]
        (before, _) = items_before(log, first[user][None], known, now=late)[0]
        assert len(before) == n_items
        ids = log.items(items).ids[:, model.item_column].long()
        torch.testing.assert_close(
            scores[user - 1], table[ids] @ naive_output(model, log.schema, before, n_items), atol=1e-4, rtol=1e-4
        )


@given(seed=st.integers(0, 10_000), length=st.sampled_from([3, 7, 200]), n_rows=st.integers(1, 300))
@settings(deadline=None, max_examples=15)
def test_a_later_item_never_changes_what_comes_before(seed, length, n_rows):
    log, generator = small_synthetic_log(), torch.Generator().manual_seed(seed)
    model = model_of(log, length=length, layers=1)
    histories = model.histories
    rows = torch.randperm(log.n_rows("train"), generator=generator)[:n_rows]
    batch = log.gather(rows)
    with torch.no_grad():
        losses = model.loss(batch)
        before = histories.before_rows(batch)
        changed = int(torch.randint(len(histories.training_items), (), generator=generator))
        items = histories.training_items.clone()
        items[changed] = items[changed] % (log.schema["item"].vocabulary_size - 1) + 1
        histories.training_items = items
        other = model.loss(batch)
    sees = (before.first <= changed) & (changed < before.end)
    torch.testing.assert_close(other[~sees], losses[~sees], atol=1e-5, rtol=1e-5)
    # An item of an earlier window is not seen, and the loss of a row with label 0 is 0.
    seen = sees & (before.end - changed < 3) & ((before.last - before.end) % length < length - 2) & (batch.label > 0)
    assert (other[seen] != losses[seen]).all()


@pytest.mark.parametrize("negatives", ["all", 6])
def test_it_learns_the_order_of_a_cycle(log, tmp_path, negatives):
    n_items, user = 12, torch.tensor(log.column("user")).long()
    numbers, counts = torch.arange(len(user)), torch.zeros(int(user.max()) + 1, dtype=torch.int64)
    cycle = torch.empty_like(user)
    for row, own in enumerate(user.tolist()):
        cycle[row] = 1 + (own + counts[own]) % n_items
        counts[own] += 1
    ordered = log_with(log, tmp_path / "cycle", item=cycle.numpy(), time=numbers.numpy(), label=1.0)
    model = model_of(ordered, length=LENGTH, layers=1, negatives=negatives)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    rows = ordered.rows("train")
    torch.manual_seed(0)
    model.train()
    for step in range(40):
        optimizer.zero_grad()
        model.loss(ordered.gather(rows[user[rows.long()] % 4 == step % 4])).mean().backward()
        optimizer.step()
    model.eval()
    users, items = torch.arange(1, 50), torch.arange(1, n_items + 1)
    with torch.no_grad():
        best = model.item_scorer(ordered.items(items))(ordered.users(users)).argmax(1) + 1
    n_before = torch.bincount(user[: len(rows)])[users]
    assert torch.equal(best, 1 + (users + n_before) % n_items)


def test_what_is_saved_is_weights_and_histories(log):
    model = model_of(log, layers=1, length=LENGTH)
    state = stored_state(model)
    n_users = log.schema["user"].vocabulary_size
    users = log.field_ids("user", log.rows("train")[log.labels(log.rows("train")) > 0])
    n_known = int(torch.bincount(users)[1:].clamp(max=LENGTH).sum())
    block = 2 * 2 * DIM + 4 * DIM * (DIM + 1) + DIM * 12 + 12 + 12 * DIM + DIM
    own = 4 * (block + (LENGTH + 1) * DIM + 2 * DIM + DIM * log.schema["item"].vocabulary_size)
    assert sum(value.nbytes for value in state.values()) == own + 4 * (n_users + 1) + 2 * n_known


@pytest.mark.parametrize("options", [{"scheme": Hashing(dim=DIM, ratio=4.0, small=1)}, {"frozen": ("item",)}])
def test_item_vectors_may_be_compressed_or_frozen(log, options):
    model = model_of(log, **options).train()
    model.loss(log.gather(log.rows("train")[:500])).mean().backward()
    gradients = [weight.grad for weight in model.embeddings.parameters()]
    assert all(found is None for found in gradients) == ("frozen" in options)
    assert model.positions.grad.any()


def test_penalties_of_tables_reach_the_items_that_are_read(log):
    model = model_of(log).train()
    batch = log.gather(log.rows("train")[:50])
    objective = Objective(model, 0.1)
    loss = objective.mean_loss(batch)
    assert objective.penalised(loss) > loss


def test_what_does_not_fit_is_refused(log):
    with pytest.raises(UsageError, match=r"embedding\.dim is 8, which model\.heads=3 does not divide"):
        model_of(log, heads=3)
    with pytest.raises(UsageError, match=r"model\.negatives is -1"):
        model_of(log, negatives=-1)
    with pytest.raises(UsageError, match=r"model\.layers"):
        model_of(log, layers=0)
    folds = collection_of(log, folds=2)
    with pytest.raises(UsageError, match="cross-fitted tables differ by row"):
        SASRec(folds, None, log.schema, torch.Generator())
    model = SASRec(collection_of(log), None, log.schema, torch.Generator())
    with pytest.raises(CadcError, match=r"call begin\(log, rows\)"):
        model.loss(log.gather(log.rows("train")[:3]))
