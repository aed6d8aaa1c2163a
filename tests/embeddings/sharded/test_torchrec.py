"""The same network on TorchRec takes the steps of the one on cadc's tables."""

import pytest
import torch

from cadc.distributed.ranks import current_ranks
from cadc.embeddings.sharded.torchrec import TorchRecTables
from cadc.errors import UsageError
from tests.embeddings.sharded.steps import network_of, train
from tests.support.fixtures import is_installed
from tests.support.ranks import on_ranks


@pytest.mark.cluster("torchrec")
@pytest.mark.parametrize("sharding", ["table_wise", "row_wise"])
def test_losses_of_100_steps_are_those_of_one_process(log, tmp_path, sharding):
    import torchrec  # noqa: F401, before processes fork, each of which would import it

    whole, rows = network_of(log, linear=False), log.rows("validation")[:40]
    vectors = [whole.embeddings(log.gather(rows[: 20 + rank])).detach() for rank in range(2)]
    losses, _ = train(whole, log, 100, False, penalty=0.0)

    def own():
        ranks = current_ranks()
        model = network_of(log, linear=False)
        model.embeddings = tables = TorchRecTables(model.embeddings, log.schema, sharding)
        found = tables(log.gather(rows[: 20 + ranks.rank])).detach()
        return found, train(model, log, 100, False, ranks, own=tables.shards(), penalty=0.0)[0]

    for expected, (found, of_rank) in zip(vectors, on_ranks(2, tmp_path, own), strict=True):
        assert torch.allclose(found, expected, rtol=0, atol=1e-6)
        assert torch.tensor(of_rank).sub(torch.tensor(losses)).abs().max() <= 1e-5


@pytest.mark.skipif(is_installed("torchrec"), reason="TorchRec is installed")
def test_a_missing_torchrec_is_named(log, tmp_path):
    def own():
        with pytest.raises(UsageError, match="TorchRec is not installed"):
            TorchRecTables(network_of(log, linear=False).embeddings, log.schema, "row_wise")

    on_ranks(1, tmp_path, own)
