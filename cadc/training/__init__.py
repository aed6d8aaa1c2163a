"""How a model is fitted, with a run's own early stopping and checkpoints; and its data for any Trainer of Lightning."""

from typing import TYPE_CHECKING

from cadc.configuration.public_names import lazily

if TYPE_CHECKING:
    from cadc.training.data_module import InteractionDataModule
    from cadc.training.fit import Fit
    from cadc.training.fit_result import FitResult
else:
    __getattr__, __dir__ = lazily(__name__)

__all__ = ["Fit", "FitResult", "InteractionDataModule"]
