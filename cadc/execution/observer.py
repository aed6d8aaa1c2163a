"""Who is told of a run's epochs while it runs, such as a file of its history or a logger."""

from abc import ABC, abstractmethod

from cadc.training.fit_state import History


class EpochObserver(ABC):
    """Told of the epochs of one attempt at a run; nothing that it does changes the run.

    It answers for its own failures: whatever it raises ends the attempt.
    """

    @abstractmethod
    def tell(self, history: History) -> None:
        """Take the epochs so far, those of earlier attempts included; called after each epoch.

        Parameters
        ----------
        history : a row for each finished epoch; empty while tables search for their structure.
        """

    def end(self, state: str) -> None:  # noqa: B027
        """Take how the attempt ended, once it is recorded.

        Parameters
        ----------
        state : `finished`, `resumed`, `pruned`, `failed` or `interrupted`.
        """
