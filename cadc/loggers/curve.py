"""The curve of one run in a logger of Lightning: each epoch as it ends, then what the finished run came to."""

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytorch_lightning.loggers import Logger

STATUS = {"finished": "success", "resumed": "success", "failed": "failed"}
"""What loggers of Lightning call how a run ended; the others count as killed."""


class Curve:
    """Logs epochs, each once, through the public methods of a `pytorch_lightning.loggers.Logger`.

    Parameters
    ----------
    logger : of this run alone.
    config : the configuration of the run, logged as its hyper-parameters.
    n_logged : epochs that the logger has from earlier attempts, and keeps.
    """

    def __init__(self, logger: "Logger", config: Mapping[str, Any], n_logged: int = 0) -> None:
        self.logger, self.n_logged = logger, n_logged
        with quiet():
            logger.log_hyperparams(dict(config))

    def extend(self, history: Sequence[Mapping[str, float]]) -> None:
        """Log the epochs that are new, by their number.

        Parameters
        ----------
        history : a row for each epoch of the run so far, with its number `epoch`, from 1.
        """
        new = [row for row in history if row["epoch"] > self.n_logged]
        with quiet():
            for row in new:
                self.logger.log_metrics(dict(row), step=int(row["epoch"]))
                self.n_logged = int(row["epoch"])
            if new:
                self.logger.save()

    def complete(self, history: Sequence[Mapping[str, float]], summary: Mapping[str, float]) -> None:
        """Log a finished run: epochs that are missing, and metrics, costs and bytes beside the curves.

        Parameters
        ----------
        history : a row for each epoch; none for a run that was not trained.
        summary : numbers of the record by name; those that have a curve are left out.
        """
        self.extend(history)
        beside = {name: value for name, value in summary.items() if not any(name in row for row in history)}
        with quiet():
            self.logger.log_metrics(beside, step=int(history[-1]["epoch"]) if history else 0)
            self.logger.save()
        self.close("finished")

    def close(self, state: str) -> None:
        """Close the logger.

        Parameters
        ----------
        state : of the run, such as `finished` or `interrupted`.
        """
        with quiet():
            self.logger.finalize(STATUS.get(state, "KILLED"))


@contextmanager
def quiet() -> Iterator[None]:
    """Hold back what libraries say of a folder that has an earlier attempt at the run, or of a database that is new."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
