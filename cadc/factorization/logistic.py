"""Logistic matrix factorisation (arXiv 2407.08108, section on collaborative enrichment)."""

import time
from typing import ClassVar, Literal

import torch
from torch import Tensor

from cadc.data.log import InteractionLog
from cadc.data.schema import UNKNOWN
from cadc.errors import DataError, UsageError, require_at_least, require_positive
from cadc.factorization.early_stop import EarlyStop
from cadc.factorization.examples import (
    ExampleParts,
    pair_factors,
    require_pair,
    require_two_labels,
    survey,
)
from cadc.factorization.factorization import Factorization
from cadc.factorization.factors import Factors
from cadc.factorization.log_examples import LogExamples
from cadc.factorization.solvers.logistic_adam import fit_adam
from cadc.factorization.solvers.logistic_newton import START, fit_newton
from cadc.factorization.solvers.logistic_solution import Solution
from cadc.factorization.solvers.majorize import MIN_PASSES
from cadc.factorization.solvers.penalties import AUTO, Penalty, require_penalties
from cadc.factorization.warm_start import WarmStart
from cadc.factorization.workers.here import ThisProcess
from cadc.factorization.workers.on_ray import RayWorkers
from cadc.randomness import torch_generator

L2 = {"newton": 4.0, "adam": 8.0}
"""Default penalty of each solver; with `newton`, variances are a part of the penalty."""
L2_BIAS = 16.0
"""Default penalty of biases."""


class LogisticMF(Factorization):
    """p(u, i) = σ(u·v + b_u + b_i + b), fitted on binary cross-entropy with early stopping on validation rows.

    Parameters
    ----------
    dim : length of the vectors; at 0 there are biases only; None takes the length that the initialiser needs.
    solver : `newton` alternates closed-form steps of users and items (see `logistic_newton`). `adam` takes small steps
        on minibatches; it is about four times slower, and its validation logloss is no better.
    l2, l2_bias : penalties on half the squared norms of vectors and of biases, relative to the loss summed over all
        rows, so that they need no change when the log grows; an `l2` of None is 4 for `newton` and 8 for `adam`. The
        global bias has no penalty. With `auto`, `newton` chooses the penalty by the validation logloss (see
        `fit_penalised`), and `adam` takes its default. A high `l2_bias` moves the biases into the vectors, which are
        what tables start from; MF on its own is best with `l2_bias` near 1.
    variational : for `newton`, whether the penalty of each vector grows with the uncertainty of the vectors that it is
        multiplied with; it then needs less `l2`.
    relaxation : for `newton`, factor of each step, above 0 and below 2; above 1 the fit needs fewer passes.
    tolerance : for `newton`, the fit stops at the first pass, from the third on, that lowers the validation logloss by
        less.
    learning_rate : for `adam`, the learning rate.
    batch_size : for `adam`, rows of a step.
    patience : for `adam`, epochs without a better validation logloss before it stops.
    max_epochs : most passes over all rows.
    feedback : `explicit` fits the labels. `implicit` takes the rows of label 1 as positives, and draws negatives
        uniformly: anew for each epoch of `adam`, and once for `newton`.
    negatives : number of negatives for each positive of implicit feedback.
    fields : names of the two fields to factorise; None takes `user` and `item`.
    init_std : standard deviation of the initial vectors; None takes 0.3 for `newton` and 0.1 for `adam`. Biases start
        at 0.
    seed : seed of initial vectors, order of rows and negatives, see `Factorization`.
    workers : for `newton`, number of workers of Ray that share the values of each pass (see `RayWorkers`); 0 works in
        this process.
    """

    without_effect: ClassVar[tuple[str, ...]] = ("workers",)
    reads_validation: ClassVar[bool] = True
    goes_on: ClassVar[bool] = True

    def __init__(
        self,
        dim: int | None = None,
        solver: Literal["newton", "adam"] = "newton",
        l2: Penalty | None = None,
        l2_bias: Penalty = L2_BIAS,
        variational: bool = True,
        relaxation: float = 1.3,
        tolerance: float = 1e-3,
        learning_rate: float = 3e-3,
        batch_size: int = 4096,
        patience: int = 2,
        max_epochs: int = 100,
        feedback: Literal["explicit", "implicit"] = "explicit",
        negatives: int = 4,
        fields: tuple[str, ...] | None = None,
        init_std: float | None = None,
        seed: int | None = 0,
        workers: int = 0,
    ) -> None:
        require_at_least(0, "factorization", dim=dim or 0, init_std=init_std or 0, tolerance=tolerance, workers=workers)
        require_penalties(l2=l2 or 0, l2_bias=l2_bias)
        require_at_least(
            1, "factorization", batch_size=batch_size, max_epochs=max_epochs, patience=patience, negatives=negatives
        )
        require_positive("factorization", learning_rate=learning_rate, relaxation=relaxation)
        if relaxation >= 2:
            raise UsageError(f"factorization.relaxation is {relaxation}; it must be below 2, or the loss may grow.")
        if workers and solver != "newton":
            raise UsageError(
                f"factorization.workers is {workers}, but factorization.solver={solver} works in one process; set "
                "factorization.solver=newton, or factorization.workers=0."
            )
        require_pair(fields)
        self.dim, self.solver = dim, solver
        self.l2, self.l2_bias, self.variational = l2, l2_bias, variational
        self.relaxation, self.tolerance = relaxation, tolerance
        self.learning_rate, self.batch_size, self.patience = learning_rate, batch_size, patience
        self.max_epochs, self.feedback, self.negatives = max_epochs, feedback, negatives
        self.fields, self.init_std, self.seed, self.workers = fields, init_std, seed, workers

    def draws(self, dim: int) -> bool:
        """Tell whether the seed matters, see `Factorization.draws`; biases alone start at 0."""
        return dim > 0 or self.solver == "adam" or self.feedback == "implicit"

    def fit(
        self, log: InteractionLog, rows: Tensor, dim: int, validation: Tensor | None = None
    ) -> tuple[Factors, dict[str, float]]:
        """Factorise some rows of a log, see `Factorization.fit`.

        Returns
        -------
        factors : factors of the epoch with the lowest validation logloss.
        cost : `seconds`, `epochs`, and the penalties.

        Raises
        ------
        DataError : if the log lacks one of the fields, a field is a bag, explicit labels are all the same, or no
            validation row that is read has label 1 under implicit feedback.
        CadcError : if the loss is not finite.
        """
        return self._fitted(None, log, rows, dim, validation)

    def fit_from(
        self, before: WarmStart, log: InteractionLog, rows: Tensor, dim: int, validation: Tensor | None = None
    ) -> tuple[Factors, dict[str, float]]:
        """Factorise some rows from earlier factors on, see `Factorization.fit_from`.

        Variances are found in a pass that changes nothing else; the steps of Adam start anew.
        """
        return self._fitted(before, log, rows, dim, validation)

    def _fitted(
        self, before: WarmStart | None, log: InteractionLog, rows: Tensor, dim: int, validation: Tensor | None
    ) -> tuple[Factors, dict[str, float]]:
        stopping = log.rows("validation") if validation is None else validation
        started = time.perf_counter()
        fields = require_pair(self.fields, log)
        generator = torch_generator(self.seed or 0, "factorize")
        std = self.init_std if self.init_std is not None else {"newton": 0.3, "adam": 0.1}[self.solver]
        sizes = [log.schema[name].vocabulary_size for name in fields]
        vectors = [std * torch.randn(size, dim, generator=generator) for size in sizes]
        for table in vectors:
            table[UNKNOWN] = 0
        start, most = Solution.at(vectors), self.max_epochs
        if before is not None:
            vectors = [before.vectors(name, table) for name, table in zip(fields, vectors, strict=True)]
            biases, of_all = before.biases(dict(zip(fields, sizes, strict=True)), fields[1])
            start = Solution(vectors, [biases[name] for name in fields], of_all, 0, {**START, **before.penalties})
            most = before.passes(self.max_epochs)
        examples: ExampleParts = LogExamples(log, fields, rows)
        held_out: ExampleParts = LogExamples(log, fields, stopping)
        in_rows, n_positive = survey(examples, sizes)
        # Minibatches are drawn from all examples, closed-form steps read them in an order that is the same each time.
        kept, fitted = examples if self.solver == "newton" else examples.all(), in_rows
        if self.feedback == "implicit":
            kept, liked = examples.all().positives(), held_out.all().positives()
            held_out = liked.with_negatives(self.negatives, sizes[1], torch_generator(self.seed or 0, "held out"))
            fitted, _ = survey(kept, sizes)
            if not len(liked):
                raise DataError(
                    f"none of the {len(stopping)} validation rows that the factorisation reads has label 1, so "
                    "implicit feedback cannot be stopped by them; raise trainer.validation_rate, or set "
                    "factorization=als."
                )
        else:
            require_two_labels(len(rows), n_positive, "set factorization.feedback=implicit, or factorization=als")

        def draw() -> ExampleParts:
            if self.feedback == "explicit":
                return kept
            drawn = kept.all().with_negatives(self.negatives, sizes[1], generator)
            fitted[1][drawn.ids[1]] = True
            return drawn

        l2, l2_bias = L2[self.solver] if self.l2 is None else self.l2, self.l2_bias
        if self.solver == "newton":
            stop = EarlyStop(most, 1, self.tolerance, "raise factorization.l2.", MIN_PASSES)
            workers = RayWorkers(self.workers) if self.workers else ThisProcess()
            found = fit_newton(draw(), held_out, start, l2, l2_bias, self.variational, self.relaxation, stop, workers)
        else:
            stop = EarlyStop(most, self.patience, 0.0, "lower factorization.learning_rate.")
            found = fit_adam(
                draw,
                held_out,
                start,
                L2["adam"] if l2 == AUTO else l2,
                L2_BIAS if l2_bias == AUTO else l2_bias,
                self.learning_rate,
                self.batch_size,
                stop,
                generator,
            )
        # An item with rows of label 0 only was fitted if it was drawn; one without rows is new and may be liked.
        ids = [(own & read).nonzero()[:, 0] for own, read in zip(fitted, in_rows, strict=True)]
        factors = pair_factors(fields, ids, found.vectors, found.biases, found.global_bias)
        cost = {"seconds": time.perf_counter() - started, "epochs": found.epochs}
        return factors, cost | found.penalties
