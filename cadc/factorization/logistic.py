"""Logistic matrix factorisation (arXiv 2407.08108, section on collaborative enrichment)."""

import time
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from cadc.data.batches import EVALUATION_BATCH
from cadc.data.log import InteractionLog
from cadc.data.schema import UNKNOWN
from cadc.errors import CadcError, require_at_least, require_positive
from cadc.factorization.factors import Factors, pairwise_logits
from cadc.randomness import torch_generator

FIELDS = ("user", "item")


class LogisticMF:
    """p(u, i) = σ(u·v + b_u + b_i + b), fitted by Adam on binary cross-entropy with early stopping.

    Parameters
    ----------
    dim : length of the vectors; 0 leaves the biases alone; None takes what the initialiser needs.
    learning_rate : of Adam.
    l2, l2_bias : penalties on half the squared norms of vectors and of biases, beside the loss summed over all rows;
        so they need no change when the log grows. The global bias has none. The more a bias costs, the more of
        it the vectors carry, and only these enrich tables; MF by itself is best with `l2_bias` near 1.
    batch_size : rows a step.
    max_epochs : upper bound.
    patience : epochs without a better validation logloss before it stops.
    init_std : standard deviation of the initial vectors; biases start at 0.
    seed : of initial vectors and order of rows; its own, so that all seeds of a grid share one factorisation.
    """

    def __init__(
        self,
        dim: int | None = None,
        learning_rate: float = 3e-3,
        l2: float = 8.0,
        l2_bias: float = 16.0,
        batch_size: int = 4096,
        max_epochs: int = 100,
        patience: int = 2,
        init_std: float = 0.1,
        seed: int = 0,
    ) -> None:
        require_at_least(0, "factorization", dim=dim or 0, l2=l2, l2_bias=l2_bias, init_std=init_std)
        require_at_least(1, "factorization", batch_size=batch_size, max_epochs=max_epochs, patience=patience)
        require_positive("factorization", learning_rate=learning_rate)
        self.dim = dim
        self.learning_rate, self.batch_size = learning_rate, batch_size
        self.l2, self.l2_bias = l2, l2_bias
        self.max_epochs, self.patience, self.init_std, self.seed = max_epochs, patience, init_std, seed

    def fit(self, log: InteractionLog, rows: Tensor, dim: int) -> tuple[Factors, dict[str, float]]:
        """Factorise some rows of a log.

        Parameters
        ----------
        log : has the fields `user` and `item`.
        rows : numbers of the training rows to read, int64; validation rows only stop the fit.
        dim : length of the vectors, where the option `dim` leaves it open.

        Returns
        -------
        factors : of the epoch with the lowest validation logloss.
        cost : `seconds` and `epochs`.

        Raises
        ------
        DataError : where the log has no user or item.
        CadcError : where the loss is no longer finite.
        """
        started = time.perf_counter()
        sizes = {name: log.schema[name].vocabulary_size for name in FIELDS}
        generator = torch_generator(self.seed, "factorize")
        tables = [nn.Parameter(self.init_std * torch.randn(size, dim, generator=generator)) for size in sizes.values()]
        for table in tables:
            table.data[UNKNOWN] = 0
        biases = [nn.Parameter(torch.zeros(size)) for size in sizes.values()]
        global_bias = nn.Parameter(torch.zeros(()))
        parameters = [*tables, *biases, global_bias]
        # Steps follow the mean loss of a batch, so a penalty beside the summed loss is divided by the rows.
        groups: list[dict[str, Any]] = [
            {"params": tables if dim else [], "weight_decay": self.l2 / len(rows)},
            {"params": biases, "weight_decay": self.l2_bias / len(rows)},
            {"params": [global_bias]},
        ]
        optimizer = torch.optim.Adam([group for group in groups if group["params"]], lr=self.learning_rate, fused=True)

        def logits(ids: list[Tensor]) -> Tensor:
            vectors = [table.index_select(0, column) for column, table in zip(ids, tables, strict=True)]
            own = [bias.index_select(0, column) for column, bias in zip(ids, biases, strict=True)]
            return pairwise_logits(vectors, own) + global_bias

        ids, labels = [log.field_ids(name, rows).long() for name in FIELDS], log.labels(rows)
        held_out = log.rows("validation")
        held_out_ids, held_out_labels = (
            [log.field_ids(name, held_out).long() for name in FIELDS],
            log.labels(held_out),
        )
        best, best_loss, best_epoch, epoch = (
            [value.detach().clone() for value in parameters],
            float("inf"),
            0,
            0,
        )
        while epoch < self.max_epochs and epoch - best_epoch < self.patience:
            epoch += 1
            for batch in torch.randperm(len(rows), generator=generator).split(self.batch_size):
                columns = [column.index_select(0, batch) for column in ids]
                loss = binary_cross_entropy_with_logits(logits(columns), labels.index_select(0, batch))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            with torch.no_grad():
                held_out_logits = torch.cat([logits(list(part)) for part in _pieces(held_out_ids)])
                held_out_loss = float(binary_cross_entropy_with_logits(held_out_logits, held_out_labels))
            if held_out_loss != held_out_loss:
                raise CadcError(f"the factorisation's loss is NaN in epoch {epoch}; lower factorization.learning_rate.")
            if held_out_loss < best_loss:
                best, best_loss, best_epoch = (
                    [value.detach().clone() for value in parameters],
                    held_out_loss,
                    epoch,
                )
        with torch.no_grad():
            for value, kept in zip(parameters, best, strict=True):
                value.copy_(kept)
        final_biases = [bias.detach().clone() for bias in biases]
        final_biases[1] += global_bias.detach()
        for table, bias in zip(tables, final_biases, strict=True):
            table.data[UNKNOWN] = 0
            bias[UNKNOWN] = bias[UNKNOWN + 1 :].mean()
        factors = Factors(
            {name: table.detach() for name, table in zip(FIELDS, tables, strict=True)},
            dict(zip(FIELDS, final_biases, strict=True)),
        )
        return factors, {"seconds": time.perf_counter() - started, "epochs": epoch}


def _pieces(columns: list[Tensor]) -> Iterator[tuple[Tensor, ...]]:
    return zip(*(column.split(EVALUATION_BATCH) for column in columns), strict=True)
