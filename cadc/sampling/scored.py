"""Samplers that score every row by a proxy; the scores are computed once for all rates."""

import json
import time
from abc import abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cadc.data.log import InteractionLog
from cadc.errors import DataError
from cadc.factorization.factors import Factors
from cadc.provenance.fingerprint import code_hash, digest
from cadc.sampling.sampler import Sample, Sampler, smallest
from cadc.storage.stage_cache import cached_folder


class ScoredSampler(Sampler):
    """Keeps the rows that come first by a score of every row, which depends on data, seed and options alone.

    Which rows stay is decided by their labels, and none has an inclusion probability to weigh it by. Samples of one
    seed are nested.
    """

    @abstractmethod
    def scoring(self) -> dict[str, Any]:
        """Return the options that scores depend on."""

    @abstractmethod
    def score(self, log: InteractionLog, seed: int) -> NDArray[np.floating]:
        """Return a score of every training row, shape [n]."""

    @abstractmethod
    def order(self, log: InteractionLog, scores: NDArray[np.floating], ties: NDArray[np.floating]) -> NDArray[np.int64]:
        """Return the numbers of all training rows, those to keep first, shape [n]; `ties` are random, shape [n]."""

    def scores(self, log: InteractionLog, generator: np.random.Generator) -> tuple[NDArray[np.floating], float]:
        """Return the scores, from the cache where they were computed before, and the seconds that it saved."""
        seed = int(generator.integers(2**63 - 1))
        module = type(self).__module__
        name = f"{module}.{type(self).__qualname__}"
        key = {"data": log.content_hash, "sampler": name, "options": self.scoring(), "seed": seed}
        # The log itself, since the key is the same for the view of it that knows cold users and items.
        key |= {"code": code_hash([module])}
        return cached_scores(key, log.n_rows("train"), lambda: self.score(log.plain, seed))

    def keys(
        self, log: InteractionLog, generator: np.random.Generator, factors: Callable[[], Factors] | None = None
    ) -> NDArray[np.floating]:
        """Return each row's place in the order."""
        return self._keys(log, self.scores(log, generator)[0], generator)

    def draw(
        self,
        log: InteractionLog,
        n_kept: int,
        generator: np.random.Generator,
        factors: Callable[[], Factors] | None = None,
    ) -> Sample:
        """Return the `n_kept` rows that come first."""
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
    """Return scores, and how many seconds more they took when they were computed than they took now.

    Parameters
    ----------
    key : all that the scores depend on, as JSON holds it.
    n_rows : length of the scores.
    compute : called where they are not in the cache.

    Raises
    ------
    DataError : where what is in the cache is damaged.
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
    except Exception as error:  # NumPy has many words for a broken file
        raise DataError(
            f"{folder} holds no scores of these rows ({error}); delete it and they are computed again."
        ) from error
    return scores, max(0.0, seconds - (time.perf_counter() - started))
