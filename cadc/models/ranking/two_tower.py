"""Two-tower network for ranking (arXiv 2407.08108; Yi et al., RecSys 2019)."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from cadc.data.batch import Batch
from cadc.data.log import InteractionLog
from cadc.data.schema import Schema
from cadc.embeddings.collection import EmbeddingCollection
from cadc.errors import CadcError, UsageError, require_at_least, require_positive, require_probability
from cadc.evaluation.saved_tables import Task
from cadc.factorization.crossfit import CrossFitted
from cadc.factorization.factor_logit import FactorLogit
from cadc.factorization.factors import Factors
from cadc.models.model import Model
from cadc.models.ranking.by_fold import n_folds_of, scores_by_fold
from cadc.models.ranking.losses import bce, bpr, margin_ranking, softmax
from cadc.models.ranking.negatives import Negatives
from cadc.models.ranking.pair_fields import require_user_and_item
from cadc.models.ranking.pair_scorers import CosineScorer, DotScorer, MLPScorer
from cadc.models.ranking.pair_scores import Side, pair_scores
from cadc.models.ranking.passed_over import PassedOver
from cadc.models.ranking.tower import DenseVector, start_at_zero, tower
from cadc.models.sequence.histories import Before, ItemHistories, Source

N_USERS_FOR_SPREAD = 512


class TwoTower(Model):
    """One MLP over the user's field vectors, one over the item's, and a score of the two outputs.

    Context fields and dense features belong to the user side; when items are ranked, they are unknown and zero. The
    item of a training row with label 1 is a positive, which is scored against negatives. Rows with label 0 serve as
    negatives of other rows; only `bce` also learns from their label.

    Parameters
    ----------
    towers : tables of the fields of the `user` side, context included, and of the `item` side.
    factors : for `residual`.
    schema : the fields; `user` and `item` must be among them.
    n_dense : number of dense features.
    generator : draws the initial weights.
    hidden : hidden widths of both towers.
    width : of the towers' outputs.
    layer_norm : whether hidden layers have layer normalisation.
    dropout : probability that a hidden unit is dropped in training.
    scorer : `dot`; `cosine`, divided by a learned temperature; or `mlp` on compressed outputs.
    temperature : initial value, for `cosine`.
    compression : width that outputs are compressed to, for `mlp`.
    scorer_mlp : hidden widths of `mlp`.
    id_dot : add the dot product of the user's and the item's id vectors.
    loss : `softmax` (sampled), `bpr`, `margin` or `bce`.
    in_batch : number of negatives from other rows of the batch; `all` takes the items of all of them.
    random : number of negatives drawn from the items of the sample: for each row, or once for the whole batch if
        `in_batch` is `all`.
    popularity_correction : whether `softmax` corrects for popular items being drawn more often.
    margin : of the margin loss.
    residual : correct the factorisation instead of replacing it: score = a·z/s + the network, where z is the
        factorisation's score and s its standard deviation over items (1 for `bce`). The scale a starts at 1 and the
        network at 0, so training starts at the factorisation's ranking.
    history : numbers of items, such as (1, 5, 50): for each, the mean vector of a user's latest items, at most so many,
        is one more input of the user's tower. A training row has those before it, what is ranked all that are known.
    history_rows : what comes before a training row: `all` training rows, or those of the `sample` alone.
    passed_over : number of items, at most, that a user passed over right before a row of the sample and that the row's
        own is to beat, by BPR added to the loss; 0 for none. With `loss=bpr`, `in_batch=0` and `random=0` there are no
        other pairs, as in SAROS. See `cadc.models.ranking.passed_over.PassedOver`.

    Raises
    ------
    UsageError : for options that do not fit together, or a log without the field `user` or `item`.
    """

    task: ClassVar[Task | None] = "ranking"
    can_rank: ClassVar[bool] = True

    spread: Tensor

    def __init__(
        self,
        towers: Mapping[str, EmbeddingCollection],
        factors: Factors | CrossFitted | None,
        schema: Schema,
        n_dense: int,
        generator: torch.Generator,
        hidden: tuple[int, ...] = (128,),
        width: int = 64,
        layer_norm: bool = False,
        dropout: float = 0.0,
        scorer: Literal["dot", "cosine", "mlp"] = "cosine",
        temperature: float = 0.1,
        compression: int = 64,
        scorer_mlp: tuple[int, ...] = (128, 64),
        id_dot: bool = False,
        loss: Literal["softmax", "bpr", "margin", "bce"] = "softmax",
        in_batch: int | Literal["all"] = "all",
        random: int = 0,
        popularity_correction: bool = True,
        margin: float = 1.0,
        residual: bool = False,
        history: tuple[int, ...] = (),
        history_rows: Source = "all",
        passed_over: int = 0,
    ) -> None:
        super().__init__()
        self.require_fields(schema)
        require_at_least(1, "model", history=min(history, default=1))
        widths = {"hidden": min(hidden, default=1), "scorer_mlp": min(scorer_mlp, default=0)}
        require_at_least(1, "model", width=width, compression=compression, **widths)
        require_positive("model", temperature=temperature, margin=margin)
        require_probability("model", dropout=dropout)
        require_at_least(0, "model", passed_over=passed_over)
        if loss != "bce" and in_batch == random == passed_over == 0:
            raise UsageError(
                f"model.loss={loss} needs negatives; set model.in_batch, model.random or model.passed_over above 0."
            )
        if residual and factors is None:
            raise UsageError("model.residual=true needs factors, which were not given.")
        if residual and id_dot:
            raise UsageError("model.id_dot and model.residual are both true; a residual starts at 0, so set only one.")
        self.embeddings = nn.ModuleDict(towers)
        self.negatives = Negatives(in_batch, random)
        self.passed_over = PassedOver(passed_over) if passed_over else None
        self.loss_name, self.popularity_correction, self.margin = loss, popularity_correction, margin
        self.id_dot = id_dot
        self.starts_at_base = residual

        self.history = tuple(history)
        self.histories = ItemHistories(schema, history_rows, max(history)) if history else None
        n_fields = {side: len(towers[side].field_names) for side in towers}
        n_fields["user"] += (n_dense > 0) + len(history)
        self.dense = DenseVector(n_dense, towers["user"].dim, generator) if n_dense else None
        of_users, of_items = (
            tower(n_fields[side] * towers[side].dim, hidden, width, generator, layer_norm=layer_norm, dropout=dropout)
            for side in ("user", "item")
        )
        self.towers = nn.ModuleDict({"user": of_users, "item": of_items})
        self.scorer: DotScorer | MLPScorer
        if scorer == "mlp":
            self.scorer = MLPScorer(width, compression, scorer_mlp, generator, starts_at_zero=residual)
        else:
            self.scorer = CosineScorer(temperature, gated=residual) if scorer == "cosine" else DotScorer()
        if residual and scorer == "dot":
            start_at_zero(of_items[-1])
        self.factor_logit = FactorLogit(factors, schema) if residual and factors is not None else None
        if self.factor_logit is not None:
            self.a = nn.Parameter(torch.ones(()))
            self.register_buffer("spread", torch.ones(()))
        self.id_places = {side: towers[side].field_names.index(side) for side in ("user", "item")}
        self.n_folds = n_folds_of(towers["item"])
        self.item_column = [field.name for field in schema.single].index("item")
        self.log: InteractionLog | None = None

    def begin(self, log: InteractionLog, rows: Tensor) -> None:
        """Count the items of the training rows (int64, shape [n]), which negatives are drawn from."""
        self.log = log
        self.negatives.begin(log.field_ids("item", rows).long())
        if self.passed_over is not None:
            self.passed_over.begin(log, rows)
        if self.histories is not None:
            self.histories.begin(log, rows)
        if self.factor_logit is not None and self.loss_name != "bce":
            self.spread.fill_(self._spread(self.factor_logit, log, rows))

    def remember(self, log: InteractionLog, rows: Tensor) -> None:
        """Note the histories of users before what is ranked, from these rows, shape [n]."""
        if self.histories is not None:
            self.histories.remember(log, rows)

    def _spread(self, logit: FactorLogit, log: InteractionLog, rows: Tensor) -> float:
        """Return the standard deviation of a user's factorisation scores over items, averaged over users."""
        some = rows[:: max(1, len(rows) // N_USERS_FOR_SPREAD)]
        vectors, bias = logit.item_side(log.items(self.negatives.catalogue).to(self.spread.device))
        scores = logit.user_side(log.gather(some).to(self.spread.device)) @ vectors.T + bias
        spread = float(scores.std(1).mean()) if len(vectors) > 1 else 0.0
        return spread or 1.0

    @classmethod
    def reads_histories(cls, options: Mapping[str, Any]) -> bool:
        """Return whether histories are inputs of the user's tower."""
        return bool(options.get("history"))

    @classmethod
    def reads_factors(cls, options: Mapping[str, Any]) -> bool:
        """Return whether the network is a residual."""
        return bool(options.get("residual", False))

    @classmethod
    def require_fields(cls, schema: Schema) -> None:
        """Raise a UsageError for a log without the fields `user` and `item`."""
        require_user_and_item(schema, "a two-tower network")

    def forward(self, batch: Batch) -> Tensor:
        """Return the score of each row's user and item, shape [B]."""
        user, item = self.users(batch), self.items(batch)
        columns = torch.arange(len(batch), device=batch.label.device).unsqueeze(1)
        return pair_scores(self.scorer, user, item, columns).squeeze(1)

    def loss(self, batch: Batch) -> Tensor:
        """Return the loss of each row, shape [B]; 0 for rows with label 0, unless the loss is `bce`.

        Raises
        ------
        CadcError : if `begin` was not called with the training rows.
        """
        if self.log is None:
            raise CadcError(
                "negatives are drawn from the training rows, which are not known; call begin(log, rows) first."
            )
        users = self.users(batch, None if self.histories is None else self.histories.before_rows(batch))
        contest = self.negatives.draw(batch.ids[:, self.item_column].long())
        scores = self._training_scores(users, batch, contest.items, contest.columns)
        if self.loss_name == "bce":
            losses = bce(scores, contest.own, contest.weight, batch.label, batch.offset)
        elif self.loss_name == "softmax":
            log_expected = contest.log_expected if self.popularity_correction else None
            losses = softmax(scores, contest.own, contest.weight, log_expected) * batch.label
        elif self.loss_name == "bpr":
            losses = bpr(scores, contest.own, contest.weight) * batch.label
        else:
            losses = margin_ranking(scores, contest.own, contest.weight, self.margin) * batch.label
        if self.passed_over is None:
            return losses
        contest = self.passed_over.contest(batch, self.item_column)
        scores = self._training_scores(users, batch, contest.items, contest.columns)
        return losses + bpr(scores, contest.own, contest.weight) * batch.label

    def _training_scores(self, users: Side, batch: Batch, items: Tensor, columns: Tensor | None) -> Tensor:
        """Return the scores of a batch; with cross-fitted tables, items have the vectors of the row's fold."""
        assert self.log is not None
        # The id of an item that occurs in training is its row in the table of entities.
        rows = self.log.items(items.cpu()).to(batch.label.device)
        return scores_by_fold(self.scorer, users, self.items, rows, columns, batch.fold, self.n_folds)

    def item_scorer(self, items: Batch) -> Callable[[Batch], Tensor]:
        """Return a function from a batch of b users to their scores of these n items, shape [b, n]."""
        side = self.items(items)

        def score(users: Batch) -> Tensor:
            return pair_scores(self.scorer, self.users(users), side, None)

        return score

    def calibration(self) -> tuple[float, float]:
        """Return a/s of a residual, and b = 0."""
        return (1.0 if self.factor_logit is None else float(self.a.detach()) / float(self.spread)), 0.0

    def users(self, batch: Batch, before: Before | None = None) -> Side:
        """Return the user side of a batch, context included.

        Parameters
        ----------
        batch : the batch.
        before : what comes before each row; None takes all that is known of its user.
        """
        vectors = self.embeddings["user"](batch)
        inputs = vectors if self.dense is None else self.dense(vectors, batch.dense)
        if self.histories is not None:
            before = self.histories.of_users(batch) if before is None else before
            items = self.embeddings["item"]
            assert isinstance(items, EmbeddingCollection)
            own = [items.pooled("item", before.latest(n), batch.fold) for n in self.history]
            inputs = torch.cat([inputs, torch.stack(own, 1)], 1)
        outputs = self.scorer.users(self.towers["user"](inputs.flatten(1)))
        parts = [outputs if self.scorer.is_product else outputs[:, :0]]
        if self.id_dot:
            parts.append(vectors[:, self.id_places["user"]])
        if self.factor_logit is not None:
            parts.append(self.factor_logit.user_side(batch) * (self.a / self.spread))
        return Side(torch.cat(parts, 1), outputs)

    def items(self, batch: Batch) -> Side:
        """Return the item side of a batch."""
        vectors = self.embeddings["item"](batch)
        outputs = self.scorer.items(self.towers["item"](vectors.flatten(1)))
        parts = [outputs if self.scorer.is_product else outputs[:, :0]]
        if self.id_dot:
            parts.append(vectors[:, self.id_places["item"]])
        bias = None
        if self.factor_logit is not None:
            factors, bias = self.factor_logit.item_side(batch)
            parts.append(factors)
            bias = bias * (self.a / self.spread)
        return Side(torch.cat(parts, 1), outputs, bias)
