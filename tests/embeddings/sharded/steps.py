"""Steps of a network on rows of a log, in one process or in several that share its tables."""

import torch.distributed as dist

from cadc.data.batches import BatchLoader
from cadc.embeddings.base.statistics import Statistics
from cadc.embeddings.collection import EmbeddingCollection
from cadc.embeddings.initialization import initial_values
from cadc.embeddings.initializers.random import RandomInitializer
from cadc.embeddings.schemes.full import Full
from cadc.models.dlrm import DLRM
from cadc.randomness import torch_generator
from cadc.training.objective import Objective
from cadc.training.optimizers import optimizer_of


def network_of(log, ranks=None, initializer=None, factors=None, dim=4, **options):
    scheme = Full(dim=dim)
    scheme.ranks = ranks
    start = RandomInitializer(std=0.1) if initializer is None else initializer
    values = initial_values(start, scheme, log, factors, log.rows("train"), torch_generator(0, "tables"))
    embeddings = EmbeddingCollection(log.schema, scheme, values)
    options = {"factors": None, "views": None, "linear": True} | options
    return DLRM(embeddings, len(log.schema.dense), torch_generator(0, "network"), schema=log.schema, **options)


def in_tables(model):
    collections = [module for module in model.modules() if isinstance(module, EmbeddingCollection)]
    return {id(weight) for found in collections for weight in found.parameters()}


def train(model, log, n_steps, lazy, ranks=None, batch_size=64, own=None, penalty=3e-4):
    """Take steps, and return the mean loss of each batch over all of its rows, and the optimiser.

    `own` are the weights of which each rank has its own part, those of its collections by default.
    """
    rank, n_processes = (0, 1) if ranks is None else (ranks.rank, ranks.size)
    shared = {id(weight) for weight in own} if own else in_tables(model)
    optimizer = optimizer_of(model, 3e-3, 0.0, lazy)
    rows = log.rows("train")
    objective = Objective(model, penalty, Statistics.of(log, rows).shares(len(rows)))
    loader = BatchLoader(log, rows, batch_size, torch_generator(0, "batches"))
    losses = []
    while len(losses) < n_steps:
        for batch in loader:
            own_rows = batch.row[rank::n_processes]
            mine = log.gather(own_rows)
            loss = objective.mean_loss(mine)
            optimizer.zero_grad()
            share = len(own_rows) / len(batch)
            (objective.penalised(loss) * share).backward()
            total = (loss.detach() * share).reshape(1)
            if ranks is not None:
                for weight in model.parameters():
                    if id(weight) not in shared and weight.grad is not None:
                        dist.all_reduce(weight.grad)
                dist.all_reduce(total)
            optimizer.set_rate(3e-3)
            optimizer.step()
            losses.append(float(total))
            if len(losses) == n_steps:
                break
    return losses, optimizer
