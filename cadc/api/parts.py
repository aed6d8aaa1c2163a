"""What a configuration makes of a log for a Trainer of one's own: sample, factors and model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from cadc.api.carry_out import process_left_alone, split_overrides
from cadc.data.log import InteractionLog
from cadc.embeddings.base.statistics import Statistics
from cadc.errors import UsageError
from cadc.factorization.fitted_rows import Fitted
from cadc.models.model import Model
from cadc.pipeline.build import open_log
from cadc.pipeline.compatibility import require_compatible
from cadc.pipeline.run import made_of
from cadc.pipeline.settings import Settings
from cadc.provenance.threads import threads
from cadc.sampling.sampler import Sample
from cadc.training.fit import Fit


@dataclass(frozen=True)
class Parts:
    """The parts of a run before its training.

    Parameters
    ----------
    overrides : that they were made of, those of files (`@best.yaml`) spelled out.
    settings : what the overrides ask for.
    log, sample, fitted, model : as `cadc.pipeline.build` made them.
    fit : the options of the training.
    """

    overrides: list[str]
    settings: Settings
    log: InteractionLog
    sample: Sample
    fitted: Fitted | None
    model: Model
    fit: Fit

    @property
    def ranked(self) -> InteractionLog | None:
        """The log, where items are ranked."""
        return self.log if self.settings.task == "ranking" else None

    def shares(self) -> Mapping[str, Tensor]:
        """Return the share of the training rows that hold each value, float, shape [vocabulary size], by field."""
        return Statistics.of(self.log, self.sample.rows).shares(len(self.sample.rows))


def parts_of(overrides: Sequence[str]) -> Parts:
    """Return the parts of a configuration, whose model has its initial weights.

    Raises
    ------
    UsageError : for a wrong override, a model that is not trained, such as `model=bias`, or penalties beside the
        gradients.
    """
    own, launcher = split_overrides(overrides)
    if launcher:
        raise UsageError(f"{launcher[0]} does not apply here; the Trainer chooses devices and processes.")
    settings = Settings.compose(own)
    require_compatible(settings)
    if settings.fit is None:
        name = settings.config["choices"]["model"]
        raise UsageError(f"model={name} is not trained, so no Trainer can fit it; use cadc.run.")
    if settings.callbacks:
        raise UsageError("trainer/callbacks are called in runs; leave them out, and give callbacks to your Trainer.")
    fit = settings.build_fit()
    if fit.weight_decay == "decoupled":
        raise UsageError(
            "trainer.weight_decay is decoupled, and a module for a Trainer has its penalties in the loss; set "
            "trainer.weight_decay=coupled, or use cadc.run."
        )
    with process_left_alone(), threads(settings.threads):
        made = made_of(settings, open_log(settings))
        sample = made.sample
        made.model.fit_sample(made.log, sample.rows, sample.weights, sample.offset)
    return Parts(own, settings, made.log, sample, made.fitted, made.model, fit)
