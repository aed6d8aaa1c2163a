"""Tables that search for their structure first: the search, what is left of it, and a kill at any moment."""

import shutil

import pytest
import torch
from torch import nn

from cadc.embeddings.base.scheme import Compressed
from cadc.embeddings.base.serving_state import load_stored, stored_state
from cadc.embeddings.collection import EmbeddingCollection
from cadc.embeddings.initialization import InitialValues
from cadc.embeddings.schemes.full import UncompressedTable
from cadc.models.model import Model
from cadc.randomness import torch_generator
from cadc.training.checkpoints import CheckpointFolder
from cadc.training.fit import Fit
from cadc.training.objective import Objective
from cadc.training.optimizers import weight_groups
from cadc.training.schedule import Schedule
from cadc.training.search import SEARCH, fit_after_search

DIM = 4


class MaskedTable(UncompressedTable):
    """Learns a factor for each column, and then keeps the half of the columns with the largest."""

    search_epochs = 2
    penalises = True

    def __init__(self, fields, dim, centred=False):
        super().__init__(fields, dim)
        self.factor = nn.Parameter(torch.ones(dim))
        self.register_buffer("kept", torch.ones(dim))
        self.n_settled = 0

    def vectors(self, rows):
        return super().vectors(rows) * self.factor * self.kept

    def penalty(self):
        return 0.05 * self.factor.abs().sum()

    def settle(self):
        self.n_settled += 1
        self.kept.zero_()
        self.kept[self.factor.abs().topk(self.dim // 2).indices] = 1

    def load_serving(self, tensors):
        self.load_state_dict(tensors)


class Masked(Compressed):
    table_class = MaskedTable

    def table(self, spec):
        return MaskedTable(spec.fields, self.dim)


class Net(Model):
    """With a running mean, as batch normalisation has one, and dropout from torch's global generator."""

    def __init__(self, log, frozen=()):
        super().__init__()
        generator = torch.Generator().manual_seed(5)
        targets = {
            field.name: 0.1 * torch.randn(field.vocabulary_size, DIM, generator=generator)
            for field in log.schema.fields
        }
        self.embeddings = EmbeddingCollection(log.schema, Masked(dim=DIM, small=0), InitialValues(targets, frozen))
        self.norm = nn.BatchNorm1d(DIM * len(log.schema.fields))
        self.last = nn.Linear(DIM * len(log.schema.fields), 1)
        with torch.no_grad():
            self.last.weight.normal_(generator=generator)
            self.last.bias.zero_()

    def forward(self, batch):
        vectors = self.norm(self.embeddings(batch).flatten(1))
        return self.last(nn.functional.dropout(vectors, 0.2, self.training)).squeeze(1)


class Killed(Exception):
    """Stands for whatever ends a process."""


def fitting(**options):
    return Fit(**({"max_epochs": 3, "patience": 5, "batch_size": 1200, "learning_rate": 0.03} | options))


def fit(log, checkpoints=None, tell=None, frozen=(), **options):
    torch.manual_seed(1)
    model = Net(log, frozen)
    shuffle = torch_generator(0, "batches")
    result = fit_after_search(fitting(**options), model, log, log.rows("train"), shuffle, checkpoints, tell)
    return model, result


def table(model):
    (found,) = model.embeddings.compressed_tables()
    return found


def assert_same(one, other):
    for (name, value), (_, expected) in zip(stored_state(one[0]).items(), stored_state(other[0]).items(), strict=True):
        assert torch.equal(value, expected), name
    assert one[1].history == other[1].history
    assert (one[1].epochs, one[1].best_epoch) == (other[1].epochs, other[1].best_epoch)
    assert one[1].validation == other[1].validation


@pytest.fixture(scope="module")
def plain(log):
    return fit(log)


def test_after_the_search_training_is_that_of_a_model_which_has_what_was_found_from_the_start(log, monkeypatch):
    monkeypatch.setattr(nn.functional, "dropout", lambda values, share, training: values)
    # Torch's global generator, which dropout draws from, goes on from where the search left it.
    model, result = fit(log)
    assert table(model).n_settled == 1
    assert int(table(model).kept.sum()) == DIM // 2
    again = Net(log)
    table(again).kept.copy_(table(model).kept)
    table(again).search_epochs = 0
    other = fit_after_search(fitting(), again, log, log.rows("train"), torch_generator(0, "batches"))
    assert result.history == other.history
    assert result.epochs == other.epochs + 2
    for name, value in model.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name


def copies_of_checkpoints(log, folder, monkeypatch, **options):
    """Fit once and return a copy of the folder of checkpoints as it was after each that was saved."""
    copies = []
    save = CheckpointFolder.save

    def keep(self, write):
        save(self, write)
        copies.append(shutil.copytree(folder / "kept", folder / f"copy-{len(copies)}"))

    monkeypatch.setattr(CheckpointFolder, "save", keep)
    outcome = fit(log, folder / "kept", **options)
    monkeypatch.undo()
    return copies, outcome


@pytest.mark.parametrize("minutes", [10.0, 0.0], ids=["after epochs", "after each batch"])
def test_from_every_moment_of_search_and_retraining_the_end_is_the_same(
    log, plain, tmp_path, monkeypatch, session_cache, minutes
):
    copies, outcome = copies_of_checkpoints(log, tmp_path, monkeypatch, checkpoint_minutes=minutes)
    monkeypatch.setenv("CADC_CACHE", str(session_cache))
    assert_same(outcome, plain)
    n_epochs, n_batches = 2 + 3, 4
    assert len(copies) == (n_epochs if minutes else n_epochs * n_batches)
    assert not list(copies[0].glob("*.ckpt")) and list((copies[0] / SEARCH).glob("*.ckpt"))
    assert list(copies[-1].glob("*.ckpt"))
    for copy in copies if minutes else copies[1::4]:
        assert_same(fit(log, copy, checkpoint_minutes=minutes), plain)


def test_a_schedule_and_averages_begin_anew_after_the_search_and_resume(log, tmp_path, monkeypatch, session_cache):
    options = {"schedule": "cosine", "averaging": "ema"}
    plain = fit(log, **options)
    copies, _ = copies_of_checkpoints(log, tmp_path, monkeypatch, checkpoint_minutes=0.0, **options)
    monkeypatch.setenv("CADC_CACHE", str(session_cache))
    for copy in copies[2::5]:
        assert_same(fit(log, copy, **options), plain)
    rates = []
    monkeypatch.setattr(Schedule, "share", lambda self, step, n_steps: rates.append((step, n_steps)) or 1.0)
    fit(log, **options)
    n = 4  # batches of an epoch
    assert sorted(set(rates)) == [
        (step, n_steps) for step in range(3 * n) for n_steps in (2 * n, 3 * n) if step < n_steps
    ]


def test_killed_at_every_epoch_in_turn(log, plain, tmp_path):
    """Whoever listens is called after the epochs of the search too, though these are no part of the curves."""
    told = []

    def kill(history):
        told.append(len(history))
        raise Killed

    for _ in range(2 + 3):
        with pytest.raises(Killed):
            fit(log, tmp_path, kill)
    assert told == [0, 0, 1, 2, 3]
    assert_same(fit(log, tmp_path, kill), plain)


def test_frozen_tables_settle_without_a_search(log):
    names = [field.name for field in log.schema.fields]
    model, result = fit(log, frozen=names)
    assert table(model).n_settled == 1
    assert result.epochs == len(result.history) == 3
    assert not any(weight.requires_grad for weight in table(model).parameters())


def test_a_table_that_searches_beside_a_frozen_one(log):
    model, result = fit(log, frozen=("user",))
    tables = model.embeddings.compressed_tables()
    assert [each.n_settled for each in tables] == [1, 1]
    is_trained = {each.names[0]: any(w.requires_grad for w in each.parameters()) for each in tables}
    assert is_trained["user"] is False and list(is_trained.values()).count(True) == 1
    assert result.epochs == 5


def test_time_is_for_both_together(log):
    _, result = fit(log, max_seconds=1e-6)
    assert result.epochs == 2, "an epoch each, which the first batch ends"
    assert len(result.history) == 1


def test_what_was_found_survives_saving(log, plain):
    model, _ = plain
    again = Net(log)
    load_stored(again, stored_state(model))
    batch = log.gather(log.rows("test"))
    assert torch.equal(model.eval()(batch), again.eval()(batch))


def test_the_penalty_is_added_to_the_loss_that_is_minimised_and_not_to_the_one_that_is_shown(log):
    model = Net(log).eval()
    objective = Objective(model, weight_decay_tables=0.0)
    batch = log.gather(log.rows("train")[:100])
    plain = nn.functional.binary_cross_entropy_with_logits(model(batch), batch.label)
    shown = objective.mean_loss(batch)
    loss = objective.penalised(shown)
    assert float(loss.detach() - plain.detach()) == pytest.approx(0.05 * DIM, abs=1e-6)
    assert float(shown.detach()) == pytest.approx(float(plain.detach()), abs=1e-6)
    loss.backward()
    with_penalty = table(model).factor.grad.clone()
    model.zero_grad()
    plain.backward()
    torch.testing.assert_close(with_penalty - table(model).factor.grad, torch.full((DIM,), 0.05))


def test_the_optimiser_decays_the_network_and_leaves_tables_to_the_loss(log):
    model = Net(log)
    groups = weight_groups(model, weight_decay_mlp=0.2)
    decay = {id(weight): group["weight_decay"] for group in groups for weight in group["params"]}
    assert decay[id(table(model).factor)] == decay[id(table(model).weight)] == 0
    assert decay[id(model.last.weight)] == 0.2
    assert len(decay) == len(list(model.parameters())) == sum(len(group["params"]) for group in groups)
