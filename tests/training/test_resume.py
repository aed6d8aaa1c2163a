"""A fit that is broken off goes on from its last checkpoint and ends bit-equal to one that was not."""

import shutil

import pytest
import torch
from torch import nn

from cadc.embeddings.collection import EmbeddingCollection
from cadc.embeddings.initialization import InitialValues
from cadc.embeddings.schemes.full import Full
from cadc.errors import CadcError
from cadc.models.model import Model
from cadc.training.checkpoints import CheckpointFolder
from cadc.training.fit import Fit


class Net(Model):
    """Uses every field, and dropout, which draws from torch's global generator."""

    def __init__(self, schema):
        super().__init__()
        generator = torch.Generator().manual_seed(5)
        self.tables = nn.ParameterList(
            nn.Parameter(0.1 * torch.randn(field.vocabulary_size + 1, 4, generator=generator))
            for field in schema.single
        )
        self.last = nn.Linear(4 * len(self.tables), 1)
        with torch.no_grad():
            self.last.weight.normal_(generator=generator)
            self.last.bias.zero_()

    def forward(self, batch):
        vectors = [table[batch.ids[:, column]] for column, table in enumerate(self.tables)]
        return self.last(nn.functional.dropout(torch.cat(vectors, 1), 0.2, self.training)).squeeze(1)


class Rows(Model):
    """A table whose rows rest unless a batch looks them up."""

    def __init__(self, schema):
        super().__init__()
        start = InitialValues({field.name: None for field in schema.fields})
        self.embeddings = EmbeddingCollection(schema, Full(dim=4), start)

    def forward(self, batch):
        vectors = self.embeddings(batch)
        return (vectors[:, 0] * vectors[:, 1:].sum(1)).sum(1)


class Killed(Exception):
    """Stands for whatever ends a process."""


def fit(
    log,
    checkpoints=None,
    minutes=10.0,
    tell=None,
    patience=2,
    max_epochs=5,
    max_seconds=None,
    lazy_tables=False,
    **options,
):
    torch.manual_seed(1)
    model = (Rows if lazy_tables else Net)(log.schema)
    fitting = Fit(
        max_epochs=max_epochs,
        patience=patience,
        max_seconds=max_seconds,
        batch_size=1000,
        checkpoint_minutes=minutes,
        learning_rate=0.03,
        lazy_tables=lazy_tables,
        **options,
    )
    result = fitting(
        model, log, log.rows("train"), torch.Generator().manual_seed(3), checkpoints=checkpoints, tell=tell
    )
    return model.state_dict(), result


def assert_same(one, other):
    for (name, value), (_, expected) in zip(one[0].items(), other[0].items(), strict=True):
        assert torch.equal(value, expected), name
    assert one[1].history == other[1].history
    assert (one[1].best_epoch, one[1].optimizer_bytes) == (other[1].best_epoch, other[1].optimizer_bytes)
    assert one[1].validation == other[1].validation


def all_checkpoints(log, folder, monkeypatch, **options):
    """Fit once and return a copy of each checkpoint that was ever saved, with the outcome."""
    copies = []
    save = CheckpointFolder.save

    def keep(self, write):
        save(self, write)
        copy = folder / f"copy-{len(copies)}"
        shutil.copytree(self.folder, copy)
        copies.append(copy)

    monkeypatch.setattr(CheckpointFolder, "save", keep)
    outcome = fit(log, folder / "kept", **options)
    monkeypatch.undo()
    return copies, outcome


@pytest.mark.parametrize("minutes", [10.0, 0.0], ids=["after epochs", "after each batch"])
def test_from_every_checkpoint_the_end_is_the_same(log, tmp_path, monkeypatch, session_cache, minutes):
    plain = fit(log)
    copies, outcome = all_checkpoints(log, tmp_path, monkeypatch, minutes=minutes)
    monkeypatch.setenv("CADC_CACHE", str(session_cache))
    assert_same(outcome, plain)
    n_epochs, n_batches = len(plain[1].history), 5
    assert len(copies) == (n_epochs if minutes else n_epochs * n_batches)
    for copy in copies:
        assert_same(fit(log, copy), plain)


@pytest.mark.parametrize("lazy_tables", [False, True])
def test_killed_at_every_epoch_in_turn(log, tmp_path, lazy_tables):
    plain = fit(log, lazy_tables=lazy_tables)

    def kill(history):
        raise Killed

    epochs = 0
    while epochs < len(plain[1].history):
        with pytest.raises(Killed):
            fit(log, tmp_path, tell=kill, lazy_tables=lazy_tables)
        epochs += 1
    assert_same(fit(log, tmp_path, tell=kill, lazy_tables=lazy_tables), plain)


@pytest.mark.parametrize("lazy_tables", [False, True])
def test_schedules_averages_and_decay_go_on_from_every_checkpoint(
    log, tmp_path, monkeypatch, session_cache, lazy_tables
):
    options = {"schedule": "cosine", "warm_up": 0.3, "averaging": "ema", "weight_decay": "decoupled"}
    options |= {"lazy_tables": lazy_tables, "max_epochs": 3, "patience": None}
    plain = fit(log, **options)
    copies, outcome = all_checkpoints(log, tmp_path, monkeypatch, minutes=0.0, **options)
    monkeypatch.setenv("CADC_CACHE", str(session_cache))
    assert_same(outcome, plain)
    for copy in copies[::2]:
        assert_same(fit(log, copy, **options), plain)
    assert plain[1].history != fit(log, lazy_tables=lazy_tables, max_epochs=3)[1].history


def test_one_that_stopped_early_does_not_train_on(log, tmp_path):
    plain = fit(log, tmp_path, patience=1, max_epochs=40)
    epochs = len(plain[1].history)
    assert epochs < 40
    told = []
    assert_same(fit(log, tmp_path, patience=1, max_epochs=40, tell=told.append), plain)
    assert told == []


def test_patience_that_waits_does_so_after_every_checkpoint(log, tmp_path, monkeypatch, session_cache):
    options = {"patience": 1, "max_epochs": 12, "grace_steps": 28}
    with pytest.MonkeyPatch.context() as own:
        # Better than a model can be: patience waits for all its steps.
        own.setattr("cadc.training.fit.uninformed_metric", lambda held_out: 0.0)
        plain = fit(log, **options)
        assert len(plain[1].history) > len(fit(log, **(options | {"grace_steps": 0}))[1].history)
        copies, outcome = all_checkpoints(log, tmp_path, monkeypatch, minutes=0.0, **options)
        monkeypatch.setenv("CADC_CACHE", str(session_cache))
        assert_same(outcome, plain)
        for copy in copies[::3]:
            assert_same(fit(log, copy, **options), plain)


def test_one_whose_time_was_up_does_not_train_on(log, tmp_path):
    late = fit(log, tmp_path, max_seconds=1e-9)
    assert late[1].epochs == 1
    told = []
    assert_same(fit(log, tmp_path, max_seconds=1e-9, tell=told.append), late)
    assert told == []


def test_seconds_before_the_interruption_count(log, tmp_path):
    fit(log, tmp_path, max_epochs=2)
    (path,) = tmp_path.glob("*.ckpt")
    state = torch.load(path, weights_only=True)
    state["seconds"] = 1000.0
    path.unlink()
    CheckpointFolder(tmp_path).save(lambda partial: torch.save(state, partial))
    assert 1000 < fit(log, tmp_path, max_epochs=2)[1].seconds < 1100


def test_one_checkpoint_is_kept_and_it_holds_nothing_to_execute(log, tmp_path):
    fit(log, tmp_path)
    (path,) = tmp_path.iterdir()
    assert torch.load(path, weights_only=True)["history"][0]["epoch"] == 1


@pytest.mark.parametrize("damage", ["cut", "flip", "empty"])
def test_a_damaged_checkpoint_is_refused(log, tmp_path, damage):
    fit(log, tmp_path, max_epochs=1)
    (path,) = tmp_path.iterdir()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes({"cut": content[:1000], "flip": content, "empty": b""}[damage])
    with pytest.raises(CadcError, match=r"the checkpoint .* is damaged"):
        fit(log, tmp_path, max_epochs=1)


def test_a_checkpoint_of_another_model_is_refused(log, tmp_path):
    CheckpointFolder(tmp_path).save(lambda path: torch.save({"state_dict": {}}, path))
    with pytest.raises(CadcError, match="of another model"):
        fit(log, tmp_path)


def test_a_full_disk_keeps_the_checkpoint_before(tmp_path):
    folder = CheckpointFolder(tmp_path)
    folder.save(lambda path: path.write_text("first"))

    def fails(path):
        path.write_text("sec")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        folder.save(fails)
    assert folder.newest().read_text() == "first"
    assert len(list(tmp_path.iterdir())) == 1
    folder.save(lambda path: path.write_text("third"))
    assert folder.newest().read_text() == "third"
    assert len(list(tmp_path.iterdir())) == 1


def test_of_two_checkpoints_that_a_kill_left_the_newer_counts(tmp_path):
    folder = CheckpointFolder(tmp_path)
    for number in range(11):
        folder.save(lambda path, number=number: path.write_text(str(number)))
        kept = folder.newest().read_bytes()
        if number == 9:
            older = (folder.newest().name, kept)
    (tmp_path / older[0]).write_bytes(older[1])
    assert folder.newest().read_text() == "10"
