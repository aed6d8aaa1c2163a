"""What a run says where its network is no better than chance: the cause that its numbers show, and what to do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cadc.data.batch import Batch
from cadc.embeddings.collection import EmbeddingCollection
from cadc.training.chance import Chance

SHRUNK = 0.5
"""Length of vectors or weights, as a share of their length at the start, below which decay has the upper hand."""
HARDLY = 0.01
"""Change of the training loss, as a share of that of a constant, which counts as none."""


@dataclass(frozen=True)
class Lengths:
    """Root mean squares of what decay acts on.

    Parameters
    ----------
    vectors : of the vectors of some rows, as they are looked up; 0 without tables.
    weights : of the other weights, single numbers and biases left out; 0 without any.
    """

    vectors: float
    weights: float


@torch.no_grad()
def lengths(model: nn.Module, batch: Batch) -> Lengths:
    """Return the lengths of the vectors that a batch looks up, and of the weights of the network."""
    was_training = model.training
    model.eval()
    collections = [module for module in model.modules() if isinstance(module, EmbeddingCollection)]
    in_tables = {id(weight) for collection in collections for weight in collection.parameters()}
    weights = [w.flatten() for w in model.parameters() if id(w) not in in_tables and w.ndim > 1]
    vectors = [collection(batch).flatten() for collection in collections]
    model.train(was_training)
    return Lengths(_root_mean_square(vectors), _root_mean_square(weights))


def _root_mean_square(parts: Sequence[Tensor]) -> float:
    return float(torch.cat(list(parts)).square().mean().sqrt()) if parts else 0.0


@dataclass(frozen=True)
class Course:
    """How a fit went.

    Parameters
    ----------
    losses : training loss of each epoch.
    constant_loss : training loss of the best constant prediction; None where that has no meaning, as for ranking.
    start, end : lengths before and after training.
    options : `learning_rate`, `weight_decay_tables` and `weight_decay_mlp`.
    defaults : of the same options.
    """

    losses: Sequence[float]
    constant_loss: float | None
    start: Lengths
    end: Lengths
    options: Mapping[str, float]
    defaults: Mapping[str, float]

    @property
    def shrunk(self) -> str | None:
        """The weight decay that has shrunk what it acts on, if one has; of two, that which exceeds its default more."""
        shares = {
            "weight_decay_tables": self.end.vectors / self.start.vectors if self.start.vectors else 1.0,
            "weight_decay_mlp": self.end.weights / self.start.weights if self.start.weights else 1.0,
        }
        found = [name for name, share in shares.items() if share < SHRUNK and self.options[name] > 0]
        return max(found, key=lambda name: self.options[name] / self.defaults[name], default=None)

    @property
    def is_unusual(self) -> bool:
        """Whether a decay exceeds its default, or the learning rate is another than by default."""
        given, usual = self.options, self.defaults
        is_other_rate = given["learning_rate"] != usual["learning_rate"]
        return is_other_rate or any(given[name] > value for name, value in usual.items() if name != "learning_rate")

    @property
    def is_fitted(self) -> bool:
        """Whether the training loss fell clearly."""
        first = self.losses[0] if self.constant_loss is None else self.constant_loss
        return min(self.losses) < (1 - HARDLY) * first

    @property
    def is_overshooting(self) -> bool:
        """Whether training ends with a loss above that of a constant, or of its best epoch."""
        least = min(self.losses) if self.constant_loss is None else self.constant_loss
        return self.losses[-1] > (1 + HARDLY) * least


def advice(chance: Chance, course: Course, is_ranking: bool) -> str:
    """Return what validation says, the likely cause and its remedy.

    Parameters
    ----------
    chance : what validation says, and what a reference without a network finds.
    course : of the fit.
    is_ranking : whether items were ranked.
    """
    what = "items of the validation part are ranked above a share of" if is_ranking else "validation AUC is"
    said = (
        f"the network is no better than chance: {what} {chance.found:.3f}, and chance is 0.5 ± {chance.deviation:.3f} "
        f"on {chance.n_rows} {'items' if is_ranking else 'rows'}."
    )
    simple = "The popularity of items reaches" if is_ranking else "Mean labels of the values of each column reach"
    remedy = _remedy(course)
    if not chance.simple_is_chance:
        return f"{said} {simple} {chance.simple:.3f}. {remedy or OVERFITTED}."
    return (
        f"{said} {simple} {chance.simple:.3f}, so that labels may not depend on these columns: check the label and its "
        f"threshold, or use more rows or other columns. {remedy + '. ' if remedy and course.is_unusual else ''}{PAIRS}."
    )


OVERFITTED = (
    "Training rows are fitted by what does not carry over to others: raise sampler.rate or "
    "trainer.weight_decay_tables, or lower trainer.learning_rate"
)
PAIRS = (
    "If labels depend on pairs of columns alone: trainer.weight_decay_tables=0, and model.constant=false of model=dlrm"
)


def _remedy(course: Course) -> str | None:
    """Return what to change; None where neither decay nor learning rate stand in the way of fitting training rows."""
    options, usual = course.options, course.defaults
    if course.is_fitted:
        return None
    if (name := course.shrunk) is not None:
        lower = " or ".join(f"{value:g}" for value in (usual[name], 0.0) if value < options[name])
        return f"Weights shrink faster than they learn: lower trainer.{name} (now {options[name]:g}), to {lower}"
    rate, default = options["learning_rate"], usual["learning_rate"]
    if rate > default or (rate == default and course.is_overshooting):
        lower = default if rate > default else rate / 10
        return f"The training loss does not fall: lower trainer.learning_rate (now {rate:g}), to {lower:g}"
    higher = default if rate < default else 3 * rate
    more = f"raise trainer.learning_rate (now {rate:g}), to {higher:g}, or trainer.patience"
    return f"The training loss hardly falls: {more}"
