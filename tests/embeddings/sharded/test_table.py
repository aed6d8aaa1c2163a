"""A sharded table looks up, starts and is written as one whose rows one process holds."""

import pytest
import torch
import torch.distributed as dist
from safetensors.torch import load_file, save

from cadc.distributed.ranks import current_ranks
from cadc.embeddings.base.serving_state import stored_state
from cadc.embeddings.base.weights_file import size_of_file, stored_parts, write_weights
from cadc.embeddings.initializers.mf import MFInitializer
from cadc.embeddings.initializers.mf_bias import MFBiasInitializer
from cadc.embeddings.initializers.random import RandomInitializer
from tests.embeddings.sharded.steps import network_of
from tests.support.helpers import random_factors
from tests.support.ranks import on_ranks

STARTS = {
    "random": RandomInitializer(std=0.1),
    "mf": MFInitializer(),
    "mf_bias": MFBiasInitializer(unseen="random"),
    "scaled": MFInitializer(scale_to=0.2),
}


def given_to(name, log):
    factors = random_factors(log.schema, ("user", "item"), dim=4 - STARTS[name].extra_columns)
    return {"initializer": STARTS[name], "factors": None if name == "random" else factors}


def network(name, log, ranks=None):
    given = given_to(name, log)
    return network_of(log, ranks, given["initializer"], given["factors"])


@pytest.mark.parametrize("name", STARTS)
def test_starts_as_the_whole_table_and_writes_the_same_file(name, log, tmp_path):
    whole = network(name, log)
    expected = save(stored_state(whole))
    batch = log.gather(log.rows("train")[:50])

    def own():
        model = network(name, log, current_ranks()).eval()
        path = tmp_path / "model.safetensors" if dist.get_rank() == 0 else None
        parts = stored_parts(model)
        write_weights(parts, path)
        assert size_of_file(parts) == len(expected)
        vectors = model.embeddings(batch)
        values = [model.embeddings.of_values("item", torch.arange(dist.get_rank(), 9))]
        return vectors.detach(), values[0].detach()

    for rank, (vectors, values) in enumerate(on_ranks(3, tmp_path / "ranks", own)):
        assert torch.equal(vectors, whole.embeddings(batch))
        assert torch.equal(values, whole.embeddings.of_values("item", torch.arange(rank, 9)))
    assert (tmp_path / "model.safetensors").read_bytes() == expected
    assert load_file(tmp_path / "model.safetensors").keys() == stored_state(whole).keys()


def test_a_process_holds_its_part_of_the_rows(log, tmp_path):
    n_rows = sum(field.vocabulary_size for field in log.schema.fields)

    def own():
        return [len(table.weight) for table in network("random", log, current_ranks()).embeddings.tables]

    held = on_ranks(2, tmp_path, own)
    assert [sum(parts) for parts in zip(*held, strict=True)] == [n_rows]
    assert abs(held[0][0] - held[1][0]) <= 1


def test_one_process_may_have_nothing_to_look_up(log, tmp_path):
    whole = network("random", log)

    def own():
        rows = log.rows("train")[: 20 * dist.get_rank()]
        vectors = network("random", log, current_ranks()).embeddings(log.gather(rows))
        vectors.square().sum().backward()
        return vectors.detach()

    nothing, vectors = on_ranks(2, tmp_path, own)
    assert len(nothing) == 0
    assert torch.equal(vectors, whole.embeddings(log.gather(log.rows("train")[:20])))
