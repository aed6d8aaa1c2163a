"""What a run says where its network is no better than chance."""

from collections.abc import Mapping

from torch import Tensor

from cadc.evaluation.tasks import HeldOutRanks
from cadc.training.advice import Course, advice, constant_loss, length, some_rows
from cadc.training.chance import chance_of
from cadc.training.fit_state import FitState


def remark_on(
    state: FitState,
    rows: Tensor,
    start: float,
    beside: Mapping[str, Tensor] | None,
    options: Mapping[str, float],
    defaults: Mapping[str, float],
) -> str | None:
    """Return advice if the kept weights of a fit are no better than chance on validation, else None.

    Parameters
    ----------
    state : of a fit that is over, whose model has the weights of the best epoch.
    rows, beside : of its training, see `cadc.training.fit.Fit`.
    start : length of some vectors before training, see `cadc.training.advice.length`.
    options, defaults : see `Course`.
    """
    held_out, model = state.held_out, state.model
    # A model is trained in the mode that it is given, and a search is followed by another fit.
    was_training = model.training
    chance = chance_of(held_out, state.best.metrics, model.eval(), rows)
    model.train(was_training)
    if chance is None:
        return None
    is_ranking = isinstance(held_out, HeldOutRanks)
    labels, weight = held_out.log.labels(rows), (beside or {}).get("weight")
    course = Course(
        losses=[row["train/loss"] for row in state.history],
        constant_loss=None if is_ranking else constant_loss(labels, weight),
        start=start,
        end=length(model, some_rows(held_out.log)),
        options=options,
        defaults=defaults,
    )
    return advice(chance, course, is_ranking)
