"""A cheap model of the training rows, whose outputs are observed while it learns."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import softplus

from cadc.adam import Adam
from cadc.data.batches import EVALUATION_BATCH
from cadc.data.log import InteractionLog
from cadc.data.schema import ENTITY_FIELDS
from cadc.errors import CadcError, DataError, require_at_least, require_positive
from cadc.randomness import torch_generator


class Proxy:
    """Logistic matrix factorisation with biases of user and item, trained by Adam for a fixed number of epochs.

    For a log without user and item, it is a factorisation machine of the single-valued fields. If all labels are 1,
    the item of each row is compared with a negative, an item drawn uniformly (BPR, Rendle et al. 2009).

    Parameters
    ----------
    dim : length of the vectors; at 0 there are biases only.
    epochs : passes over all training rows.
    learning_rate : learning rate of Adam.
    l2 : penalty on half the squared norms of vectors and biases, relative to the loss summed over all rows.
    batch_size : rows of a step.

    Raises
    ------
    UsageError : if an option is out of its range.
    """

    def __init__(self, dim: int, epochs: int, learning_rate: float, l2: float, batch_size: int) -> None:
        require_at_least(0, "sampler", dim=dim, l2=l2)
        require_at_least(1, "sampler", epochs=epochs, batch_size=batch_size)
        require_positive("sampler", learning_rate=learning_rate)
        self.dim, self.epochs, self.learning_rate = dim, epochs, learning_rate
        self.l2, self.batch_size = l2, batch_size

    def margins(self, log: InteractionLog, seed: int) -> Iterator[Tensor]:
        """Train the model from scratch, and yield the margin of each training row after every epoch.

        The margin is the logit for label 1, and its negative for label 0; σ(-margin) is the error |p - y|. If all
        labels are 1, it is the logit less that of a negative drawn once for each row.

        Parameters
        ----------
        log : the log.
        seed : seed of initial weights, order of rows and negatives.

        Yields
        ------
        Margins, float32, shape [n].

        Raises
        ------
        DataError : if all labels are 0, or all are 1 and the log has no items.
        CadcError : if a margin is not finite.
        """
        generator = torch_generator(seed, "proxy")
        task = _Rows(log)
        table = 0.1 * torch.randn(task.n_values, self.dim + 1, generator=generator)
        table[:, -1] = 0  # the biases
        parameters = [table.requires_grad_(), torch.zeros((), requires_grad=True)]
        groups: list[dict[str, Any]] = [
            {"params": parameters[:1], "weight_decay": self.l2 / len(task)},
            {"params": parameters[1:]},
        ]
        optimizer = Adam(groups, lr=self.learning_rate)
        fixed_negatives = task.negatives(len(task), generator)
        for epoch in range(self.epochs):
            for rows in torch.randperm(len(task), generator=generator).split(self.batch_size):
                loss = softplus(-task.margins(parameters, rows, task.negatives(len(rows), generator))).mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            with torch.no_grad():
                parts = torch.arange(len(task)).split(EVALUATION_BATCH)
                negatives = [None] * len(parts) if fixed_negatives is None else fixed_negatives.split(EVALUATION_BATCH)
                found = [task.margins(parameters, part, own) for part, own in zip(parts, negatives, strict=True)]
                margins = torch.cat(found)
            if not margins.isfinite().all():
                raise CadcError(f"the proxy's scores are not finite in epoch {epoch + 1}; lower sampler.learning_rate.")
            yield margins


class _Rows:
    """Ids and labels of all training rows; the ids of all fields share one table, field after field."""

    def __init__(self, log: InteractionLog) -> None:
        rows = log.rows("train")
        names = [field.name for field in log.schema.single]
        names = list(ENTITY_FIELDS) if set(ENTITY_FIELDS) <= set(names) else names
        sizes = [log.schema[name].vocabulary_size for name in names]
        starts = [sum(sizes[:place]) for place in range(len(sizes))]
        self.n_values = sum(sizes)
        self.ids = torch.stack([log.field_ids(n, rows).long() + s for n, s in zip(names, starts, strict=True)], 1)
        label = log.labels(rows)
        self.sign = 2 * label - 1
        self.item: int | None = None
        if label.min() == label.max():
            if label[0] == 0 or "item" not in names:
                raise DataError(
                    f"all training labels of {log.meta['name']} are {int(label[0])}, so a proxy learns nothing from "
                    "them; choose another sampler."
                )
            self.item = names.index("item")
            self.items = (starts[self.item] + 1, starts[self.item] + sizes[self.item])

    def __len__(self) -> int:
        return len(self.ids)

    def negatives(self, n: int, generator: torch.Generator) -> Tensor | None:
        """Draw n negatives, int64, shape [n]; None if the log has both labels and needs none."""
        return None if self.item is None else torch.randint(*self.items, (n,), generator=generator)

    def margins(self, parameters: list[Tensor], rows: Tensor, negatives: Tensor | None) -> Tensor:
        """Return the margins of some rows, shape [B]."""
        ids = self.ids.index_select(0, rows)
        logits = _logits(parameters, ids)
        if negatives is None or self.item is None:
            return self.sign.index_select(0, rows) * logits
        others = ids.clone()
        others[:, self.item] = negatives
        return logits - _logits(parameters, others)


def _logits(parameters: list[Tensor], ids: Tensor) -> Tensor:
    """Return Σ_f b_f + Σ_{f<g} v_f·v_g + b for ids of shape [B, F], shape [B]."""
    table, global_bias = parameters
    found = table.index_select(0, ids.flatten()).view(*ids.shape, -1)
    vectors, biases = found[..., :-1], found[..., -1]
    pairs = 0.5 * (vectors.sum(1).square() - vectors.square().sum(1)).sum(1)
    return pairs + biases.sum(1) + global_bias
