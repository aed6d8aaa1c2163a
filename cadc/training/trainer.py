"""The Lightning trainer of a run."""

import logging
import tempfile
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from cadc.errors import NoDevice

if TYPE_CHECKING:
    import pytorch_lightning as pl


def lightning_trainer(accelerator: str, max_epochs: int, callbacks: "Sequence[pl.Callback]") -> "pl.Trainer":
    """Return a Lightning trainer for one device that writes nothing of its own.

    Parameters
    ----------
    accelerator : as Lightning names it.
    max_epochs : upper bound on the number of epochs.
    callbacks : of the fit.

    Raises
    ------
    NoDevice : if the accelerator is not available.
    """
    import pytorch_lightning as pl
    from pytorch_lightning.plugins.environments import LightningEnvironment
    from pytorch_lightning.utilities.exceptions import MisconfigurationException

    from cadc.training.callbacks import WriteInPlace

    _quiet()
    try:
        return pl.Trainer(
            accelerator=accelerator,
            devices=1,
            max_epochs=max_epochs,
            callbacks=[*callbacks],
            # In a cluster job Lightning would otherwise take over its signals and processes.
            plugins=[LightningEnvironment(), WriteInPlace()],
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            default_root_dir=tempfile.gettempdir(),
        )
    except MisconfigurationException as error:
        raise NoDevice(f"trainer.accelerator={accelerator} is not available ({error}); choose auto.") from error


def warm_up(with_lightning: bool) -> None:
    """Import what torch and Lightning import at first use, so that it does not count in a run's seconds."""
    torch.optim.Adam([torch.zeros(1, requires_grad=True)], fused=True)
    if with_lightning:
        import cadc.training.fit_module  # noqa: F401


def _quiet() -> None:
    """Silence Lightning's notes on hardware, and on data loaders without worker processes."""
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="pytorch_lightning")
    # On a cluster it suggests srun.
    warnings.filterwarnings("ignore", module="lightning_fabric")
