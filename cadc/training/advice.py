"""What a run says where its network is no better than chance: the cause that its numbers show, and what to do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cadc.data.batch import Batch
from cadc.data.log import InteractionLog
from cadc.models.linear_terms import collections_of_vectors
from cadc.training.chance import Chance

SHRUNK = 0.5
"""Length of vectors, as a share of that at the start, below which decay has the upper hand."""
HARDLY = 0.01
"""Change of the training loss, as a share of that of a constant, which counts as none."""


@torch.no_grad()
def length(model: nn.Module, batch: Batch) -> float:
    """Return the root mean square of the vectors that a batch looks up; 0 for a model without tables."""
    was_training = model.training
    model.eval()
    squares = [collection(batch).square().flatten() for collection in collections_of_vectors(model)]
    model.train(was_training)
    return float(torch.cat(squares).mean().sqrt()) if squares else 0.0


@dataclass(frozen=True)
class Course:
    """How a fit went.

    Parameters
    ----------
    losses : training loss of each epoch.
    constant_loss : training loss of the best constant prediction; None where that has no meaning, as for ranking.
    start, end : length of some vectors before and after training, see `length`.
    options : `learning_rate`, `weight_decay_tables` and `weight_decay_mlp`.
    defaults : of the same options; one without a usual value is left out.
    """

    losses: Sequence[float]
    constant_loss: float | None
    start: float
    end: float
    options: Mapping[str, float]
    defaults: Mapping[str, float]

    @property
    def unusual(self) -> str | None:
        """The option farthest from its default, in a direction in which a network learns less; None if none is."""
        ratios = {name: self.options[name] / usual for name, usual in self.defaults.items()}
        ratios["learning_rate"] = max(ratios["learning_rate"], 1 / ratios["learning_rate"])
        name = max(ratios, key=lambda name: ratios[name])
        return name if ratios[name] > 1 else None

    @property
    def is_shrunk(self) -> bool:
        """Whether the vectors are much shorter than they were."""
        return self.end < SHRUNK * self.start

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
        f"threshold, or use more rows or other columns. {remedy + '. ' if remedy and course.unusual else ''}{PAIRS}."
    )


OVERFITTED = (
    "Training rows are fitted by what does not carry over to others: raise sampler.rate or "
    "trainer.weight_decay_tables, or lower trainer.learning_rate"
)
PAIRS = "If they depend on pairs of columns alone, more epochs may find that: trainer.patience=20"


def _remedy(course: Course) -> str | None:
    """Return what to change; None where neither decay nor learning rate stand in the way of fitting training rows."""
    if course.is_fitted:
        return None
    rate, default = course.options["learning_rate"], course.defaults["learning_rate"]
    name = course.unusual
    if name in ("weight_decay_tables", "weight_decay_mlp"):
        value, usual = course.options[name], course.defaults[name]
        return f"Weights shrink faster than they learn: lower trainer.{name} (now {value:g}), to {usual:g} or 0"
    if name is None and course.is_shrunk:
        value = course.options["weight_decay_tables"]
        return f"Vectors shrink faster than they learn: lower trainer.weight_decay_tables (now {value:g}), to 0"
    if rate > default or (rate == default and course.is_overshooting):
        lower = default if rate > default else rate / 10
        return f"The training loss does not fall: lower trainer.learning_rate (now {rate:g}), to {lower:g}"
    higher = default if rate < default else 3 * rate
    more = f"raise trainer.learning_rate (now {rate:g}), to {higher:g}, or trainer.patience"
    return f"The training loss hardly falls: {more}"


def some_rows(log: InteractionLog) -> Batch:
    """Return a few validation rows, whose vectors are measured before and after training."""
    return log.gather(log.rows("validation")[:1024])


def constant_loss(labels: Tensor, weight: Tensor | None) -> float:
    """Return the least mean logloss that a constant prediction has on weighted labels."""
    weight = torch.ones_like(labels) if weight is None else weight
    mean = float((weight * labels).double().mean() / weight.double().mean())
    of_classes = torch.special.entr(torch.tensor([mean, 1 - mean], dtype=torch.float64))
    return float(of_classes.sum() * weight.double().mean())
