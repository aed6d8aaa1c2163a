"""The contract of models."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, get_args

import torch
from torch import Tensor

from cadc.configuration.components import parameters
from cadc.data.batch import Batch
from cadc.data.log import InteractionLog
from cadc.data.schema import ENTITY_FIELDS, Side
from cadc.embeddings.base.serving_state import load_stored, stored_state
from cadc.embeddings.collection import EmbeddingCollection
from cadc.embeddings.initialization import initial_values
from cadc.embeddings.initializers.random import RandomInitializer
from cadc.embeddings.schemes.full import Full
from cadc.evaluation.ranking import rows_before
from cadc.evaluation.saved_tables import Task
from cadc.models.model import Model
from cadc.randomness import torch_generator
from cadc.testing.expect import expect, expect_derived, global_generators_untouched
from cadc.testing.logs import made_up_factors, small_log
from cadc.testing.view import made_up_views

DIM = 8
N_ROWS = 200
TOLERANCE = 1e-4


def check_model(cls: type[Model], log: InteractionLog | None = None, **options: Any) -> None:
    """Check that a model keeps the contract of `cadc.models.model.Model`.

    Logits are finite numbers of shape [B], and those of a row depend neither on its label nor on the other rows of its
    batch; the same
    generator gives the same weights; every trained weight gets a gradient, and training lowers the loss; stored weights
    give the same logits in a new model; scores of all items order them as the logits do; attributes agree with the
    methods that the class overrides; what is remembered of users is replaced, not added to.

    Parameters
    ----------
    cls : the class.
    log : to score; a small generated one where none is given.
    options : of the class.

    Raises
    ------
    AssertionError : with a sentence that says which part of the contract is broken.

    Examples
    --------
    >>> from cadc.models.dlrm import DLRM
    >>> check_model(DLRM, residual=True)
    """
    expect_derived(cls, Model)
    _check_attributes(cls)
    log = small_log() if log is None else log
    cls.require_fields(log.schema)
    with global_generators_untouched(f"{cls.__name__}.__init__"):
        model = _built(cls, log, options)
    rows = log.rows("train")
    model.begin(log, rows)
    model.remember(log, rows)
    model.fit_sample(log, rows)
    batch = log.gather(log.rows("test")[:N_ROWS])
    _check_logits(model, batch, log)
    _check_weights(model, _built(cls, log, options), options)
    if cls.trainable:
        _check_training(model, log)
    _check_logits(model, batch, log)
    other = _built(cls, log, options, seed=1)
    other.begin(log, rows)
    other.remember(log, rows)
    _check_stored(model, other, batch)
    if cls.can_rank and cls.task != "ctr":
        _check_memory(model, batch, log)
        _check_ranking(model, log)
    a, b = model.calibration()
    expect(
        isinstance(a, float) and isinstance(b, float),
        f"{cls.__name__}.calibration returned {(a, b)!r}; expected two numbers of type float.",
    )


def _check_attributes(cls: type[Model]) -> None:
    name = cls.__name__
    expect(cls.task in (None, *get_args(Task)), f"{name}.task is {cls.task!r}; expected {get_args(Task)} or None.")
    for attribute, said, method, has_method in (
        ("can_rank", cls.can_rank, "item_scorer", cls.item_scorer is not Model.item_scorer),
        ("fits_sample", cls.fits_sample, "fit_sample", cls.fit_sample is not Model.fit_sample),
    ):
        expect(
            said == has_method,
            f"{name}.{attribute} is {said}, but it {'has' if has_method else 'lacks'} a method {method}; the pipeline "
            f"goes by {attribute}.",
        )
    expect(cls.can_rank or cls.task != "ranking", f"{name}.task is 'ranking', but can_rank is False.")


def _built(cls: type[Model], log: InteractionLog, options: Mapping[str, Any], seed: int = 0) -> Model:
    """Return a model with the arguments that the pipeline gives by name."""
    initializer = RandomInitializer()
    start = initial_values(initializer, Full(dim=DIM), log, None, log.rows("train"), torch_generator(seed, "tables"))
    sides: dict[str, tuple[Side, ...]] = {"user": ("user", "context"), "item": ("item",)}
    factors = made_up_factors(log.schema) if cls.reads_factors(options) else None
    given: dict[str, Any] = {
        "embeddings": EmbeddingCollection(log.schema, Full(dim=DIM), start),
        "towers": {side: EmbeddingCollection(log.schema, Full(dim=DIM), start, own) for side, own in sides.items()},
        "items": EmbeddingCollection(log.schema, Full(dim=DIM), start, sides["item"], names=("item",)),
        "entities": {
            side: EmbeddingCollection(log.schema, Full(dim=DIM), start, (side,), names=(side,))
            for side in ENTITY_FIELDS
        },
        "factors": factors,
        "views": made_up_views(log) if cls.needs_views else None,
        "schema": log.schema,
        "n_dense": len(log.schema.dense),
        "run_task": cls.task or "ctr",
        "generator": torch_generator(seed, "network"),
    }
    asked = parameters(cls)
    missing = [
        name for name, own in asked.items() if own.default is own.empty and name not in given and name not in options
    ]
    expect(
        not missing,
        f"{cls.__name__} asks for {', '.join(missing)}, which the pipeline does not give; it gives {', '.join(given)}.",
    )
    return cls(**{**{name: own for name, own in given.items() if name in asked}, **options})


def _logits(model: Model, batch: Batch) -> Tensor:
    model.eval()
    with torch.no_grad():
        return model(batch)


def _described(value: object) -> str:
    return f"{value.dtype} of shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__


def _check_logits(model: Model, batch: Batch, log: InteractionLog) -> None:
    name, logits = type(model).__name__, _logits(model, batch)
    expect(
        isinstance(logits, Tensor) and logits.shape == (len(batch),) and logits.is_floating_point(),
        f"{name} returned {_described(logits)}; expected floating-point logits of shape {(len(batch),)}.",
    )
    expect(logits.isfinite().all(), f"{name} returned logits that are not all finite.")
    expect(torch.equal(logits, _logits(model, batch)), f"{name} returned other logits for the same batch.")
    expect(
        torch.equal(logits, _logits(model, replace(batch, label=1 - batch.label))),
        f"{name}: the logits depend on the labels of the batch, which are what is predicted.",
    )
    few = log.rows("test")[5:8]
    expect(
        torch.allclose(logits[5:8], _logits(model, log.gather(few)), atol=TOLERANCE, rtol=TOLERANCE),
        f"{name}: the logits of a row depend on the other rows of its batch in evaluation.",
    )


def _check_weights(model: Model, again: Model, options: Mapping[str, Any]) -> None:
    name = type(model).__name__
    weights = [own for own in model.parameters() if own.requires_grad]
    expect(
        bool(weights) == model.trainable,
        f"{name}.trainable is {model.trainable}, but it has {len(weights) or 'no'} weights that training changes.",
    )
    if model.trainable:
        for (key, one), two in zip(model.named_parameters(), again.parameters(), strict=True):
            expect(torch.equal(one, two), f"{name}: {key} differs between two models that got the same generator.")


def _check_training(model: Model, log: InteractionLog) -> None:
    name = type(model).__name__
    rows = log.rows("train")
    batch = log.gather(rows[:: len(rows) // N_ROWS])
    model.train()
    torch.manual_seed(0)
    losses = model.loss(batch)
    expect(
        losses.shape == (len(batch),) and losses.is_floating_point() and losses.isfinite().all(),
        f"{name}.loss returned {losses.dtype} of shape {tuple(losses.shape)}; expected a finite loss of each row, "
        f"shape {(len(batch),)}.",
    )
    optimizer = torch.optim.Adam([own for own in model.parameters() if own.requires_grad], lr=0.01)
    reached: set[str] = set()
    means = []
    for _ in range(30):
        optimizer.zero_grad()
        loss = model.loss(batch).mean()
        loss.backward()
        reached |= {key for key, own in model.named_parameters() if own.grad is not None and own.grad.any()}
        optimizer.step()
        means.append(float(loss.detach()))
    idle = [key for key, own in model.named_parameters() if own.requires_grad and key not in reached]
    expect(not idle, f"{name}: no gradient reaches {', '.join(idle)} in 30 steps of training.")
    first, last = sum(means[:3]) / 3, sum(means[-3:]) / 3
    expect(last < first, f"{name}: 30 steps of training on one batch took the loss from {first:.4f} to {last:.4f}.")


def _check_stored(model: Model, other: Model, batch: Batch) -> None:
    load_stored(other, {key: own.clone() for key, own in stored_state(model).items()})
    expect(
        torch.equal(_logits(model, batch), _logits(other, batch)),
        f"{type(model).__name__}: the stored weights give other logits in a new model; what a prediction needs must be "
        "a parameter or a buffer.",
    )


def _check_memory(model: Model, batch: Batch, log: InteractionLog) -> None:
    before = _logits(model, batch)
    model.remember(log, rows_before(log, "test"))
    expect(_logits(model, batch).isfinite().all(), f"{type(model).__name__}: logits after remember are not all finite.")
    model.remember(log, rows_before(log, "validation"))
    expect(
        torch.equal(before, _logits(model, batch)),
        f"{type(model).__name__}: the logits depend on rows remembered earlier; remember replaces what was noted.",
    )


def _check_ranking(model: Model, log: InteractionLog) -> None:
    name = type(model).__name__
    users, items = torch.arange(1, 6), torch.arange(1, 12)
    with torch.no_grad():
        scores = model.item_scorer(log.items(items))(log.users(users))
    expect(
        isinstance(scores, Tensor) and tuple(scores.shape) == (5, 11) and scores.isfinite().all(),
        f"{name}.item_scorer gave {_described(scores)}; expected finite scores of shape (5, 11), a row for each user.",
    )
    n_context = len(log.schema.of("context", bag=False))
    pairs = log.join(
        {"user": users.repeat_interleave(11), "item": items.repeat(5)},
        torch.zeros(55, n_context, dtype=torch.int32) if n_context else None,
        torch.zeros(55, len(log.schema.dense)),
        torch.zeros(55),
    )
    differences = _logits(model, pairs).view(5, 11) - scores
    expect(
        torch.allclose(differences, differences[:, :1].expand(5, 11), atol=1e-3),
        f"{name}: the scores of a user's items differ from the logits by more than one number for each user, so they "
        "order the items otherwise.",
    )
