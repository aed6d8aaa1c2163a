"""What a model is: everything that the pipeline, training, evaluation, serving and export ask of one."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from cadc.data.batch import Batch
from cadc.data.log import InteractionLog
from cadc.data.schema import EntitySide, Schema
from cadc.evaluation.saved_tables import Task
from cadc.factorization.factor_logit import FactorLogit
from cadc.factorization.factors import Factors
from cadc.views.views import Views


class Model(nn.Module, ABC):
    """Maps a batch of B rows to logits, and may rank all items for a user.

    A subclass needs `forward` and nothing else; every other question has an answer here that suits a network trained
    by logloss. The pipeline calls the methods in this order: `require_fields`, the constructor, `begin`, `remember`
    where items are ranked, `fit_sample`, then, where the model is trained, `loss` for each batch.

    Arguments of the constructor with a default are options of the configuration. Those without are given by name:

    - `embeddings`: an `EmbeddingCollection` of all fields;
    - `towers`: a dictionary with one for the sides `user` (context included) and `item`, instead of `embeddings`;
    - `items`: an `EmbeddingCollection` of the field `item` alone, instead of `embeddings`;
    - `entities`: a dictionary with one of the field `user` alone and one of the field `item` alone;
    - `factors`: `Factors`, `CrossFitted` or None, as `reads_factors` asked;
    - `views`: `Views`, or None where none are chosen, for a model with `takes_views`;
    - `schema`: the log's;
    - `n_dense`: number of dense features;
    - `run_task`: what the run is judged by, `ctr` or `ranking`;
    - `generator`: a `torch.Generator`, which all initial weights are drawn from.
    """

    trainable: ClassVar[bool] = True
    """Whether it is a network whose weights are trained on the sample; only such a model has embedding tables."""

    task: ClassVar[Task | None] = None
    """The only task that it suits, `ctr` (rows are scored) or `ranking` (items are ranked); None for any."""

    can_rank: ClassVar[bool] = False
    """Whether it has an `item_scorer`."""

    needs_factors: ClassVar[bool] = False
    """Whether it scores by a factorisation, whatever its options; see `reads_factors`."""

    takes_views: ClassVar[bool] = False
    """Whether it can read views of the whole log; see `cadc.views.view.View`."""

    needs_views: ClassVar[bool] = False
    """Whether it reads nothing but views."""

    factor_dim: ClassVar[int | None] = None
    """Length of the factors' vectors that it insists on; None leaves it to the configuration."""

    fits_sample: ClassVar[bool] = False
    """Whether `fit_sample` fits it to labels, which also makes logits of scores that only order rows."""

    shuffles_users: ClassVar[bool] = False
    """Whether training shuffles users in place of rows, so that a batch holds most rows of few users."""

    reads_all_rows: ClassVar[bool] = False
    """Whether every step reads all rows of its tables, so that an optimiser has none to skip."""

    needs_columns: ClassVar[tuple[str, ...]] = ()
    """Columns of the log that only some sources have: `oracle`, `rating`."""

    starts_at_base: bool = False
    """Whether its initial weights already predict something, so that they compete as epoch 0."""

    n_validation: int | None = None
    """Rows of the validation part that `fit_sample` read; None where it reads none."""

    @property
    def reads_times(self) -> bool:
        """Whether it reads the time of each row, as some views do."""
        return any(part.reads_times for part in self.modules() if isinstance(part, Views))

    @classmethod
    def reads_factors(cls, options: Mapping[str, Any]) -> bool:
        """Return whether a model with these options scores by a factorisation.

        Parameters
        ----------
        options : of the configuration; those that are absent have their default.
        """
        return cls.needs_factors

    @classmethod
    def reads_histories(cls, options: Mapping[str, Any]) -> bool:
        """Return whether a model with these options reads the rows of a user before the one that is scored."""
        return False

    @classmethod
    def numbers_beside(cls, options: Mapping[str, Any], side: EntitySide, task: Task) -> int:
        """Return how many numbers a model keeps of each user, or of each item, beside its vector.

        Parameters
        ----------
        options : of the configuration; those that are absent have their default.
        side : `user` or `item`.
        task : of the run.
        """
        return 0

    @classmethod
    def require_fields(cls, schema: Schema) -> None:
        """Raise a UsageError for a log that lacks a field which the model cannot do without.

        It is called before anything is fitted.
        """

    def begin(self, log: InteractionLog, rows: Tensor) -> None:
        """Note what training needs to know of the log.

        Parameters
        ----------
        log : the log.
        rows : numbers of the training rows in the sample, int32 or int64, shape [n].
        """

    def fit_sample(self, log: InteractionLog, rows: Tensor, weights: Tensor | None = None, offset: float = 0.0) -> None:
        """Fit in closed form what does not need epochs over the sample.

        Parameters
        ----------
        log : the log.
        rows : numbers of the training rows in the sample, int32 or int64, shape [n].
        weights : of the rows in the loss, float32, shape [n]; None weighs all alike.
        offset : logit added in the fit alone, see `cadc.sampling.sampler.Sample`.
        """

    def follow(self, before: Mapping[str, Tensor]) -> None:
        """Note what must be known of earlier segments of a stream; it is called after `begin`.

        Weights are carried over elsewhere. Users and items keep their ids from segment to segment.

        Parameters
        ----------
        before : weights and buffers of the model of the segment before, by name.
        """

    def remember(self, log: InteractionLog, rows: Tensor) -> None:
        """Note what is known of users when items are ranked, such as their histories; it replaces what was noted.

        It is called, where the run ranks items, with the training rows after `begin`, and with those of the validation
        part too before the test part is ranked. What is noted is kept in buffers, which are saved and serve; they stay
        on the device of the model.

        Parameters
        ----------
        log : the log.
        rows : numbers of all rows before the part that is ranked, sampled or not, int32 or int64, shape [n].
        """

    @abstractmethod
    def forward(self, batch: Batch) -> Tensor:
        """Return the logit of label 1, or a score that orders the rows, of each row of a batch, shape [B]."""

    def loss(self, batch: Batch) -> Tensor:
        """Return the training loss of each row, shape [B], before `batch.weight` weighs it.

        By default it is the logloss of the logits, to which `batch.offset` is added where there is one.
        """
        logits = self(batch)
        if batch.offset is not None:
            logits = logits + batch.offset
        return binary_cross_entropy_with_logits(logits, batch.label, reduction="none")

    def item_scorer(self, items: Batch) -> Callable[[Batch], Tensor]:
        """Return a function from a batch of b users to their scores of n items, shape [b, n].

        A user's scores need only order the items: they may differ from the logits by one number for each user.

        Parameters
        ----------
        items : a row for each item, in the order of the scores; users and context are unknown.
        """
        raise NotImplementedError(f"{type(self).__name__} has can_rank=False, so it has no item_scorer.")

    def served_factors(self) -> tuple[Factors, ...]:
        """Return the factorisation that the model scores by, in parts where it was cross-fitted; empty without one."""
        for module in self.modules():
            if isinstance(module, FactorLogit):
                return module.factors()
        return ()

    def served_vectors(self) -> dict[str, Tensor]:
        """Return vectors of users and items that the score is a product of, where they are not those of tables.

        They are float32, shape [vocabulary size, d], by field.
        """
        return {}

    def calibration(self) -> tuple[float, float]:
        """Return a and b of a·z + b, the part of the model's score that comes from the factorisation's logit z."""
        return 1.0, 0.0
