"""The tables of a model on TorchRec (Ivchenko et al., RecSys 2022), table-wise or row-wise; the extra `torchrec`."""

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor, nn
from torch.distributed import get_world_size, group

from cadc.data.batch import Batch
from cadc.data.schema import Schema
from cadc.embeddings.collection import EmbeddingCollection
from cadc.errors import UsageError

Sharding: TypeAlias = Literal["table_wise", "row_wise"]
"""Whether a process holds whole tables of fields, or a share of the rows of each."""


class TorchRecTables(nn.Module):
    """Takes the place of an `EmbeddingCollection` in a network, and looks the same vectors up, each field in its table.

    All processes of torch's default group make it and look up together, each with rows of its own. As with
    `cadc.embeddings.sharded`, gradients are sums over processes: the loss of a process is its part of the mean over all
    rows. Gradients of tables are dense, so that Adam takes the steps that it takes in one process. There is no penalty
    on vectors, and no stand-in for ids that were never seen.

    Parameters
    ----------
    tables : the collection whose vectors these start from, whole in each process.
    schema : of the log.
    sharding : of the tables.

    Attributes
    ----------
    field_names : in the order of the vectors.

    Raises
    ------
    UsageError : without TorchRec.
    """

    def __init__(self, tables: EmbeddingCollection, schema: Schema, sharding: Sharding) -> None:
        super().__init__()
        self.dim, self.ranks = tables.dim, None
        self.field_names = list(tables.field_names)
        self.columns = {field.name: column for column, field in enumerate(schema.single)}
        start = tables.dense_tables(schema)
        self.tables = _sharded([start[name] for name in self.field_names], self.field_names, sharding)

    def forward(self, batch: Batch) -> Tensor:
        """Return the vectors of all fields, in the order of `field_names`, shape [B, F, dim]."""
        from torchrec import KeyedJaggedTensor

        n_rows = len(batch)
        ones = torch.ones(n_rows, dtype=torch.int32, device=batch.ids.device)
        values, lengths = [], []
        for name in self.field_names:
            if name in self.columns:
                values.append(batch.ids[:, self.columns[name]])
                lengths.append(ones)
            else:
                bag = batch.bags[name]
                values.append(bag.values)
                ends = torch.cat([bag.offsets[1:], bag.offsets.new_tensor([len(bag.values)])])
                lengths.append((ends - bag.offsets).int())
        ids = KeyedJaggedTensor(keys=self.field_names, values=torch.cat(values).long(), lengths=torch.cat(lengths))
        # In the order of processes that hold them.
        found = self.tables(ids).wait().to_dict()
        return torch.stack([found[name] for name in self.field_names], 1)

    def shards(self) -> list[nn.Parameter]:
        """Return the weights that this process holds, which its optimiser trains."""
        return [weight for weight in self.tables.parameters() if weight.numel()]


def _sharded(start: Sequence[Tensor], names: Sequence[str], sharding: Sharding) -> Any:
    """Return tables with these rows, one a field, held by the processes of the default group."""
    try:
        from torchrec import EmbeddingBagCollection, EmbeddingBagConfig, PoolingType
        from torchrec.distributed.comm_ops import set_gradient_division
        from torchrec.distributed.embeddingbag import EmbeddingBagCollectionSharder
        from torchrec.distributed.sharding_plan import construct_module_sharding_plan, row_wise, table_wise
        from torchrec.distributed.types import ShardingEnv
    except ImportError as error:
        raise UsageError(
            f"TorchRec is not installed ({error}); run pip install 'cadc[torchrec]', or on a machine without CUDA "
            "what docs/methods/sharded-tables.md says."
        ) from error

    class Sharder(EmbeddingBagCollectionSharder):
        def sharding_types(self, compute_device_type: str) -> list[str]:
            """Return row-wise too on CPUs, where TorchRec leaves it out, although it works."""
            return ["table_wise", "row_wise"]

    set_gradient_division(False)
    device, n_processes = torch.device("cpu"), get_world_size()
    configs = [
        EmbeddingBagConfig(
            name=name,
            embedding_dim=table.shape[1],
            num_embeddings=len(table),
            feature_names=[name],
            pooling=PoolingType.MEAN,
        )
        for name, table in zip(names, start, strict=True)
    ]
    whole = EmbeddingBagCollection(tables=configs, device=torch.device("meta"))
    ways = {
        name: row_wise(compute_kernel="dense")
        if sharding == "row_wise"
        else table_wise(rank=number % n_processes, compute_kernel="dense")
        for number, name in enumerate(names)
    }
    sharder = Sharder()
    plan = construct_module_sharding_plan(
        whole, ways, sharder, local_size=n_processes, world_size=n_processes, device_type=device.type
    )
    found = sharder.shard(whole, plan, ShardingEnv.from_process_group(group.WORLD), device)
    # It starts from random values, whatever the whole tables hold.
    held = found.state_dict()
    with torch.no_grad():
        for name, table in zip(names, start, strict=True):
            for shard in held[f"embedding_bags.{name}.weight"].local_shards():
                first = shard.metadata.shard_offsets[0]
                shard.tensor.copy_(table[first : first + len(shard.tensor)])
    return found
