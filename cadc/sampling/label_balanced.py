"""Label-balanced sampling: the frequent label is thinned more than the rare one, and calibration is corrected."""

import math
from collections.abc import Callable, Mapping
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cadc.data.log import InteractionLog
from cadc.errors import DataError, UsageError, require_at_least
from cadc.factorization.factors import Factors
from cadc.sampling.sampler import Sample, Sampler
from cadc.sampling.smallest import Smallest, parts_of
from cadc.sampling.stratified import ranks_within
from cadc.sampling.unequal import Weighting, weighted_sample


class LabelBalancedSampler(Sampler):
    """Keeps random rows of each label, such that the rarer label has a given share of the sample.

    Let w_pos and w_neg be the shares of rows kept of each label. The log-odds of the kept rows are those of all rows
    plus log(w_pos / w_neg) (King and Zeng 2001). This difference is the sample's `offset`: it is added to the model's
    logit in training, so that the model itself is calibrated for all rows. With weights there is no offset, because
    they have the same effect. All rows of a label have exactly the same inclusion probability. Samples of one seed are
    nested.

    Parameters
    ----------
    rate : share of the training rows kept, in (0, 1]; at 1 all rows stay, whatever the balance.
    balance : share of the rarer label in the sample, in (0, 1); None keeps all rows of that label and thins only the
        other one.
    weighting : `ipw` weighs each row by the inverse share kept of its label, in place of the offset; `none` does not.
    clip : largest weight as a multiple of the mean weight; None does not clip.

    Raises
    ------
    UsageError : if one of the labels has too few rows for this rate and balance.
    DataError : if all labels are the same.
    """

    keeps_reservoirs: ClassVar[bool] = True

    def __init__(
        self,
        rate: float = 1.0,
        balance: float | None = 0.5,
        weighting: Weighting = "none",
        clip: float | None = 10.0,
    ) -> None:
        super().__init__(rate)
        if balance is not None and not 0 < balance < 1:
            raise UsageError(f"sampler.balance is {balance}; it must be a share between 0 and 1.")
        if clip is not None:
            require_at_least(1, "sampler", clip=clip)
        self.balance = balance
        self.weighting: Weighting = weighting
        self.clip = clip

    def keys(
        self, log: InteractionLog, generator: np.random.Generator, factors: Callable[[], Factors] | None = None
    ) -> NDArray[np.floating]:
        """Return uniform random numbers, which are compared within a label only, shape [n]."""
        return generator.random(log.n_rows("train"))

    def draw(
        self,
        log: InteractionLog,
        n_kept: int,
        generator: np.random.Generator,
        factors: Callable[[], Factors] | None = None,
    ) -> Sample:
        """Return a sample of exactly `n_kept` rows, see `Sampler.draw`."""
        labels = log.column("label", "train")
        n_positive = sum(int(np.count_nonzero(labels[part] > 0.5)) for part in parts_of(len(labels)))
        counts = [len(labels) - n_positive, n_positive]
        kept = self._rows_per_label(counts, n_kept, log.meta["name"])
        keys = self.keys(log, generator, factors)
        of_label = [Smallest(n) for n in kept]
        for part in parts_of(len(labels)):
            for label, smallest in enumerate(of_label):
                own = np.flatnonzero((labels[part] > 0.5) == label)
                smallest.add(keys[part][own], part.start + own)
        rows = torch.cat([smallest.rows() for smallest in of_label]).sort()[0]
        w_neg, w_pos = (n / count for n, count in zip(kept, counts, strict=True))
        facts = {"kept_of_positives": w_pos, "kept_of_negatives": w_neg}
        if self.weighting == "none":
            return Sample(rows, offset=math.log(w_pos / w_neg), facts=facts)
        probability = torch.where(torch.from_numpy(labels[rows.numpy()] > 0.5), w_pos, w_neg)
        sample = weighted_sample(rows, probability, self.clip)
        return Sample(rows, sample.weights, facts={**facts, **sample.facts})

    def reservoir_keys(
        self,
        log: InteractionLog,
        draws: NDArray[np.float64],
        counts: Mapping[str, Tensor],
        generator: np.random.Generator,
    ) -> NDArray[np.floating]:
        """Return the rank of each row in its label, by its draw, divided by the share that the label shall have.

        Where a label has too few rows, the other one has the rest. See `Sampler.reservoir_keys`.
        """
        labels = (log.column("label", "train") > 0.5).astype(np.int64)
        rarer = int(counts["label"][1] < counts["label"][0])
        if self.balance is None:
            return draws - (labels == rarer)
        share = np.where(labels == rarer, self.balance, 1 - self.balance)
        return (ranks_within(labels, draws) + 0.5) / share

    def _rows_per_label(self, counts: list[int], n_kept: int, name: str) -> list[int]:
        """Return the numbers of rows of label 0 and of label 1 to keep."""
        if 0 in counts:
            raise DataError(
                f"all training labels of {name} are {int(counts[0] == 0)}, so they cannot be balanced; choose another "
                "sampler."
            )
        rarer = int(counts[1] < counts[0])
        # Rounded half up, the number never falls as the sample grows, so that samples are nested.
        n_rarer = counts[rarer] if self.balance is None else math.floor(self.balance * n_kept + 0.5)
        kept = [n_kept - n_rarer, n_kept - n_rarer]
        kept[rarer] = n_rarer
        for label in (0, 1):
            if not 1 <= kept[label] <= counts[label]:
                asked = "all rows of the rarer label" if self.balance is None else f"sampler.balance {self.balance}"
                raise UsageError(
                    f"sampler.rate {self.rate} with {asked} asks for {kept[label]} training rows of label {label}, but "
                    f"{name} has {counts[label]}; choose another rate or balance."
                )
        return kept
