"""Bayesian personalised ranking: a user's items rank above items without interaction (Rendle et al. 2009)."""

import time
from typing import ClassVar, Literal

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from cadc.adam import Adam
from cadc.data.log import InteractionLog
from cadc.data.schema import UNKNOWN
from cadc.errors import UsageError, require_at_least, require_positive
from cadc.factorization.early_stop import EarlyStop
from cadc.factorization.examples import is_present, pair_factors, read_examples, require_pair
from cadc.factorization.factorization import Factorization
from cadc.factorization.factors import Factors, Kind
from cadc.factorization.positives import positive_pairs
from cadc.factorization.warm_start import WarmStart
from cadc.randomness import torch_generator

REDRAWS = 2
"""Number of times that a negative is redrawn if it is an item of the user; few of these are left afterwards."""


class BPR(Factorization):
    """Maximises Σ ln σ(u·v_i + b_i - u·v_j - b_j) over pairs (u, i) with label 1 and random items j.

    Its scores order items, but are not logits.

    Parameters
    ----------
    dim : length of the vectors; None takes the length that the initialiser needs.
    learning_rate : learning rate of Adam.
    l2, l2_bias : penalties on half the squared norms of vectors and of item biases; see `l2_by`.
    l2_by : `value` penalises each vector once, relative to the loss summed over all pairs. `triple` penalises those of
        a pair and its negative, relative to their own loss, so that a vector bears its penalty whenever it occurs, as
        in LightGCN's code (He et al. 2020).
    batch_size : pairs of a step, each with one negative.
    max_epochs : most epochs.
    patience : epochs without a lower loss on the validation pairs, whose negatives are drawn once, before it stops.
        The defaults of both are those of records that name none; `factorization=bpr` takes 200 and 5.
    fields : names of the two fields to factorise; None takes `user` and `item`.
    init_std : standard deviation of the initial vectors.
    seed : seed of initial vectors, order and negatives, see `Factorization`.
    """

    reads_validation: ClassVar[bool] = True
    kind: ClassVar[Kind] = "score"
    goes_on: ClassVar[bool] = True

    def __init__(
        self,
        dim: int | None = None,
        learning_rate: float = 3e-3,
        l2: float = 1.0,
        l2_bias: float = 1.0,
        l2_by: Literal["value", "triple"] = "value",
        batch_size: int = 8192,
        max_epochs: int = 60,
        patience: int = 2,
        fields: tuple[str, ...] | None = None,
        init_std: float = 0.05,
        seed: int | None = 0,
    ) -> None:
        require_at_least(0, "factorization", dim=dim or 0, l2=l2, l2_bias=l2_bias, init_std=init_std)
        require_at_least(1, "factorization", batch_size=batch_size, max_epochs=max_epochs, patience=patience)
        require_positive("factorization", learning_rate=learning_rate)
        require_pair(fields)
        if l2_by not in ("value", "triple"):
            raise UsageError(f"factorization.l2_by is {l2_by}; expected value or triple.")
        self.dim, self.learning_rate, self.l2, self.l2_bias, self.l2_by = dim, learning_rate, l2, l2_bias, l2_by
        self.batch_size, self.max_epochs, self.patience = batch_size, max_epochs, patience
        self.fields, self.init_std, self.seed = fields, init_std, seed

    def fit(
        self, log: InteractionLog, rows: Tensor, dim: int, validation: Tensor | None = None
    ) -> tuple[Factors, dict[str, float]]:
        """Factorise some rows of a log, see `Factorization.fit`.

        Returns
        -------
        factors : factors of the epoch with the lowest validation loss; their `logits` are scores.
        cost : `seconds` and `epochs`.

        Raises
        ------
        DataError : if the log lacks one of the fields, a field is a bag, or no row has label 1.
        CadcError : if the loss is not finite.
        """
        return self._fitted(None, log, rows, dim, validation)

    def fit_from(
        self, before: WarmStart, log: InteractionLog, rows: Tensor, dim: int, validation: Tensor | None = None
    ) -> tuple[Factors, dict[str, float]]:
        """Factorise some rows from earlier factors on, see `Factorization.fit_from`; the steps of Adam start anew."""
        return self._fitted(before, log, rows, dim, validation)

    def _fitted(
        self, before: WarmStart | None, log: InteractionLog, rows: Tensor, dim: int, validation: Tensor | None
    ) -> tuple[Factors, dict[str, float]]:
        stopping = log.rows("validation") if validation is None else validation
        started = time.perf_counter()
        fields = require_pair(self.fields, log)
        sizes = [log.schema[name].vocabulary_size for name in fields]
        generator = torch_generator(self.seed or 0, "factorize")
        examples = read_examples(log, fields, rows)
        first, second, _ = positive_pairs(examples, sizes[1])
        taken = first * sizes[1] + second
        held_out = read_examples(log, fields, stopping).positives()
        others = draw_negatives(held_out.ids[0], taken, sizes[1], torch_generator(self.seed or 0, "held out"))
        tables = [self.init_std * torch.randn(size, dim, generator=generator) for size in sizes]
        item_biases = torch.zeros(sizes[1])
        if before is not None:
            tables = [before.vectors(name, table) for name, table in zip(fields, tables, strict=True)]
            item_biases = before.biases({fields[1]: sizes[1]}, fields[1])[0][fields[1]]
        for table, ids in zip(tables, (first, second), strict=True):
            # A value without pairs would keep its random start.
            table[torch.bincount(ids, minlength=len(table)) == 0] = 0
        parameters = [*tables, item_biases]
        by_value = 1 / len(first) if self.l2_by == "value" else 0.0
        by_triple = (self.l2, self.l2_bias) if self.l2_by == "triple" else (0.0, 0.0)
        penalties = [self.l2 * by_value, self.l2 * by_value, self.l2_bias * by_value]
        groups = [{"params": [p], "weight_decay": l2} for p, l2 in zip(parameters, penalties, strict=True) if p.numel()]
        for parameter in parameters:
            parameter.grad = torch.zeros_like(parameter)
        is_met = is_present(second, sizes[1])
        optimizer = Adam(groups, lr=self.learning_rate)
        most = self.max_epochs if before is None else before.passes(self.max_epochs)
        stop = EarlyStop(most, self.patience, 0.0, "lower factorization.learning_rate.")
        while not stop.is_over:
            negatives = draw_negatives(first, taken, sizes[1], generator)
            is_met[negatives] = True
            for batch in torch.randperm(len(first), generator=generator).split(self.batch_size):
                set_gradients(parameters, first[batch], second[batch], negatives[batch], *by_triple)
                optimizer.step()
            stop.tell(pair_loss(parameters, held_out.ids[0], held_out.ids[1], others), parameters)
        users, items, item_biases = stop.best
        # An item with rows of label 0 only was fitted if it was drawn; one without rows is new and may be liked.
        fitted = (first, examples.ids[1][is_met[examples.ids[1]]])
        factors = pair_factors(fields, fitted, [users, items], [torch.zeros(sizes[0]), item_biases], kind=self.kind)
        return factors, {"seconds": time.perf_counter() - started, "epochs": stop.epoch}


def draw_negatives(users: Tensor, taken: Tensor, n_items: int, generator: torch.Generator) -> Tensor:
    """Return a random known item for each user, redrawn a few times if it is an item of the user, int64, shape [n].

    Parameters
    ----------
    users : int64, shape [n].
    taken : user · n_items + item of each pair with label 1, ascending, int64.
    n_items : number of items, *unknown* included.
    generator : draws the items.
    """
    items = torch.randint(UNKNOWN + 1, max(n_items, 2), (len(users),), generator=generator)
    for _ in range(REDRAWS):
        keys = users * n_items + items
        places = torch.searchsorted(taken, keys).clamp_max(len(taken) - 1)
        again = (taken[places] == keys).nonzero()[:, 0]
        items[again] = torch.randint(UNKNOWN + 1, max(n_items, 2), (len(again),), generator=generator)
    return items


def pair_loss(parameters: list[Tensor], users: Tensor, items: Tensor, others: Tensor) -> float:
    """Return the mean of -ln σ(x_ui - x_uj); the parameters are user vectors, item vectors and item biases."""
    vectors, item_vectors, biases = parameters
    lead = (vectors[users] * (item_vectors[items] - item_vectors[others])).sum(1) + biases[items] - biases[others]
    return float(-logsigmoid(lead).mean())


def set_gradients(
    parameters: list[Tensor], users: Tensor, items: Tensor, others: Tensor, l2: float = 0.0, l2_bias: float = 0.0
) -> None:
    """Write the gradient of `pair_loss` into the `grad` of the parameters, which is dense.

    Parameters
    ----------
    parameters : user vectors, item vectors and item biases.
    users, items, others : of the triples, int64, shape [n].
    l2, l2_bias : penalties on half the squared norms of the vectors, and biases, of a triple; their mean is added.
    """
    vectors, item_vectors, biases = parameters
    own, ahead, behind = vectors[users], item_vectors[items], item_vectors[others]
    difference = ahead - behind
    lead = (own * difference).sum(1) + biases[items] - biases[others]
    slope = -torch.sigmoid(-lead) / len(users)
    gradients = [parameter.grad for parameter in parameters]
    for gradient in gradients:
        assert gradient is not None
        gradient.zero_()
    of_users, of_items, of_biases = gradients
    both = torch.cat([items, others])
    pull, push = slope[:, None] * own, slope[:, None] * difference
    pulls, slopes = torch.cat([pull, -pull]), torch.cat([slope, -slope])
    if l2:
        push += l2 / len(users) * own
        pulls += l2 / len(users) * torch.cat([ahead, behind])
    if l2_bias:
        slopes += l2_bias / len(users) * biases[both]
    of_users.index_add_(0, users, push)  # type: ignore[union-attr]
    of_items.index_add_(0, both, pulls)  # type: ignore[union-attr]
    of_biases.index_add_(0, both, slopes)  # type: ignore[union-attr]
