"""Base class of samplers that score every row by a proxy; scores are computed once for all rates."""

import json
import time
from abc import abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from cadc.data.log import InteractionLog
from cadc.errors import Damaged
from cadc.factorization.factors import Factors
from cadc.provenance.fingerprint import code_hash, digest
from cadc.sampling.sampler import Sample, Sampler, smallest
from cadc.storage.stage_cache import cached_folder


class ScoredSampler(Sampler):
    """Keeps the rows that come first when all rows are ordered by a score.

    Scores depend on the data, the seed and the options only; they are cached. They depend on the labels, and there are
    no inclusion probabilities, so no weights. Samples of one seed are nested.

    A subclass implements `scoring`, `score` and `order`.
    """

    keeps_reservoirs: ClassVar[bool] = True

    @abstractmethod
    def scoring(self) -> dict[str, Any]:
        """Return the options that the scores depend on, by name; they are a part of the key in the cache."""

    @abstractmethod
    def score(self, log: InteractionLog, seed: int) -> NDArray[np.floating]:
        """Return a finite score for each training row, shape [n]."""

    @abstractmethod
    def order(self, log: InteractionLog, scores: NDArray[np.floating], ties: NDArray[np.floating]) -> NDArray[np.int64]:
        """Return the numbers of all training rows, those to keep first, int64, shape [n].

        Parameters
        ----------
        log : the log.
        scores : what `score` returned, shape [n].
        ties : random numbers that order rows of equal score, shape [n].
        """

    def scores(self, log: InteractionLog, generator: np.random.Generator) -> tuple[NDArray[np.floating], float]:
        """Return the scores, cached or computed, and the seconds that the cache saved."""
        seed = int(generator.integers(2**63 - 1))
        module = type(self).__module__
        name = f"{module}.{type(self).__qualname__}"
        key = {"data": log.content_hash, "sampler": name, "options": self.scoring(), "seed": seed}
        # The view with ids for cold users and items has the same key, so scores are those of the plain log.
        key |= {"code": code_hash([module])}
        return cached_scores(key, log.n_rows("train"), lambda: self.score(log.plain, seed))

    def keys(
        self, log: InteractionLog, generator: np.random.Generator, factors: Callable[[], Factors] | None = None
    ) -> NDArray[np.floating]:
        """Return the position of each row in the order, shape [n]."""
        return self._keys(log, self.scores(log, generator)[0], generator)

    def reservoir_keys(
        self,
        log: InteractionLog,
        draws: NDArray[np.float64],
        counts: Mapping[str, Tensor],
        generator: np.random.Generator,
    ) -> NDArray[np.floating]:
        """Return the position of each row in the order, after all are scored anew; see `Sampler.reservoir_keys`."""
        return self.keys(log, generator)

    def draw(
        self,
        log: InteractionLog,
        n_kept: int,
        generator: np.random.Generator,
        factors: Callable[[], Factors] | None = None,
    ) -> Sample:
        """Return the `n_kept` rows that come first, see `Sampler.draw`."""
        scores, seconds = self.scores(log, generator)
        rows = smallest(self._keys(log, scores, generator), n_kept)
        facts = {"score": float(scores[rows.numpy()].mean()), "score_of_all": float(scores.mean())}
        return Sample(rows, facts=facts, seconds=seconds)

    def _keys(
        self, log: InteractionLog, scores: NDArray[np.floating], generator: np.random.Generator
    ) -> NDArray[np.floating]:
        keys = np.empty(len(scores))
        keys[self.order(log, scores, generator.random(len(scores)))] = np.arange(len(scores))
        return keys


def cached_scores(
    key: Mapping[str, Any], n_rows: int, compute: Callable[[], NDArray[np.floating]]
) -> tuple[NDArray[np.floating], float]:
    """Return scores, cached or computed, and the seconds that the cache saved.

    Parameters
    ----------
    key : everything that the scores depend on, as a JSON value.
    n_rows : number of scores.
    compute : returns the scores; called if they are not in the cache.

    Returns
    -------
    scores : float32, shape [n_rows].
    seconds : seconds that computing them took, less those that this call took; at least 0.

    Raises
    ------
    Damaged : if the cached scores are not what was written.
    """

    def build(folder: Path) -> None:
        begun = time.perf_counter()
        np.save(folder / "scores.npy", compute().astype(np.float32))
        (folder / "cost.json").write_text(json.dumps({"seconds": time.perf_counter() - begun}))

    started = time.perf_counter()
    folder = cached_folder("scores", digest(key), build)
    try:
        scores = np.load(folder / "scores.npy", allow_pickle=False)
        seconds = float(json.loads((folder / "cost.json").read_text())["seconds"])
        if scores.shape != (n_rows,) or not np.isfinite(scores).all():
            raise ValueError(f"they are not {n_rows} finite numbers")
    except Exception as error:  # NumPy raises many kinds of errors for a broken file
        raise Damaged(
            f"{folder} does not hold scores of these rows ({error}); delete it to have them recomputed."
        ) from error
    return scores, max(0.0, seconds - (time.perf_counter() - started))
