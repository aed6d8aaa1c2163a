import numpy as np
import pytest
import torch

from cadc.data.batch import Batch
from cadc.data.schema import Field, Schema
from cadc.embeddings.collection import EmbeddingCollection
from cadc.embeddings.initialization import InitialValues
from cadc.embeddings.schemes.full import Full
from cadc.errors import UsageError
from cadc.models.dlrm import DLRM
from cadc.models.factorization import FactorizationModel
from cadc.models.mlp import mlp
from cadc.models.oracle import OracleModel
from cadc.randomness import torch_generator
from tests.models.click_networks import layers, model_of, naive_mlp
from tests.support.helpers import random_factors, small_synthetic_log


def naive_forward(model, batch):
    """Naumov et al.: dot products of all pairs of vectors, the dense vector beside them, then the top MLP."""
    vectors = model.embeddings(batch).detach().double().numpy()
    logits = []
    for row in range(len(batch)):
        own, head = list(vectors[row]), []
        if model.concatenates:
            head += [number for vector in own for number in vector]
        if model.bottom is not None:
            dense = naive_mlp(model.bottom, batch.dense[row].double().numpy(), last_relu=True)
            own.append(dense)
            head += list(dense)
        if model.constant is not None:
            own.append(model.constant.detach().double().numpy())
        products = [own[a] @ own[b] for a in range(len(own)) for b in range(a + 1, len(own))]
        products = products if model.products is not None else []
        logits.append(naive_mlp(model.top, np.array(head + products), last_relu=False)[0])
    return np.array(logits)


@pytest.mark.parametrize("n_dense", [0, 1])
@pytest.mark.parametrize("frozen", [(), ("user", "item")])
@pytest.mark.parametrize("top_mlp", [(16, 8), ()])
@pytest.mark.parametrize("constant", [False, True])
@pytest.mark.parametrize("interaction", ["products", "concatenate", "both"])
def test_forward_equals_a_naive_implementation(n_dense, frozen, top_mlp, constant, interaction):
    log = small_synthetic_log()
    options = {"top_mlp": top_mlp, "constant": constant, "interaction": interaction}
    model = model_of(log, n_dense=n_dense, frozen=frozen, bottom_mlp=(5,), **options)
    assert (model.constant is not None) == (constant and not n_dense and interaction != "concatenate")
    batch = log.gather(log.rows("test")[:20])
    found = model(batch)
    assert found.shape == (20,)
    np.testing.assert_allclose(found.detach().numpy(), naive_forward(model, batch), atol=1e-5)


def test_layers_have_the_widths_asked_for():
    model = model_of(small_synthetic_log(), dim=4, bottom_mlp=(64,), top_mlp=(128, 64))
    # Six single-valued fields, a bag and the dense vector make 28 pairs.
    assert [tuple(layer.weight.shape) for layer in layers(model.bottom)] == [(64, 1), (4, 64)]
    assert [tuple(layer.weight.shape) for layer in layers(model.top)] == [(128, 32), (64, 128), (1, 64)]


def test_initial_weights_follow_their_seed_and_not_the_global_one():
    log = small_synthetic_log()
    torch.manual_seed(1)
    one = model_of(log).state_dict()
    torch.manual_seed(2)
    two, other = model_of(log).state_dict(), model_of(log, weight_seed=1).state_dict()
    assert all(torch.equal(one[name], two[name]) for name in one)
    changed = {name for name in one if not torch.equal(one[name], other[name])}
    # Biases start at 0.
    assert changed == {name for name in one if not name.startswith("embeddings") and not name.endswith("bias")}


def test_weights_of_a_layer_are_uniform_within_the_bound_of_its_inputs():
    network = mlp((100, 50, 1), torch.Generator().manual_seed(0), last_relu=False)
    for layer, most in zip(layers(network), (6 / 100, 1 / 50), strict=True):
        assert float(layer.weight.detach().abs().max()) <= most**0.5
        assert not layer.bias.detach().any()
    assert float(network[0].weight.detach().std()) == pytest.approx((2 / 100) ** 0.5, rel=0.05)
    assert isinstance(mlp((3, 2), torch.Generator(), last_relu=True)[-1], torch.nn.ReLU)


def one_field():
    """A log schema of a single field, and its table."""
    schema = Schema((Field("user", "user", 9),))
    targets = {"user": torch.randn(9, 4, generator=torch.Generator().manual_seed(0))}
    return schema, EmbeddingCollection(schema, Full(dim=4), InitialValues(targets))


def test_a_single_field_has_the_product_with_the_constant_vector():
    schema, embeddings = one_field()
    model = DLRM(embeddings, 0, torch_generator(0, "network"), None, schema, None, constant=True)
    ids = torch.arange(9, dtype=torch.int32).unsqueeze(1)
    batch = Batch(ids, {}, torch.empty(9, 0), torch.zeros(9))
    np.testing.assert_allclose(model(batch).detach().numpy(), naive_forward(model, batch), atol=1e-5)


def test_a_single_field_without_another_vector_is_refused_in_a_sentence():
    schema, embeddings = one_field()
    with pytest.raises(UsageError, match=r"products of vectors, and this log has 1; set model\.constant=true"):
        DLRM(embeddings, 0, torch_generator(0, "network"), None, schema, None)


def test_vectors_that_are_only_concatenated_need_no_second_one():
    schema, embeddings = one_field()
    generator = torch_generator(0, "network")
    model = DLRM(embeddings, 0, generator, None, schema, None, interaction="concatenate", constant=True)
    assert model.top[0].in_features == 4


def test_gradient_reaches_every_trained_weight():
    log = small_synthetic_log()
    model = model_of(log, frozen=("user",))
    model(log.gather(log.rows("train")[:200])).square().mean().backward()
    for name, weight in model.named_parameters():
        assert (weight.grad is not None and bool(weight.grad.any())) == weight.requires_grad, name


def test_oracle_needs_a_log_that_knows_its_probabilities():
    log = small_synthetic_log()
    batch = log.gather(log.rows("test")[:3])
    batch.oracle = None
    with pytest.raises(UsageError, match="model=oracle needs"):
        OracleModel()(batch)


@pytest.mark.parametrize("own", [{}, {"constant": True}, {"interaction": "both", "linear": True, "dropout": 0.5}])
@pytest.mark.parametrize("top_mlp", [(16, 8), ()])
def test_a_residual_network_starts_at_the_logit_of_the_factorisation(top_mlp, own):
    log = small_synthetic_log()
    factors = random_factors(log.schema, ("user", "item", "tags"))
    model = model_of(log, factors=factors, residual=True, top_mlp=top_mlp, n_dense=0, **own)
    batch = log.gather(log.rows("test"))
    assert torch.equal(model(batch), FactorizationModel(factors, log.schema)(batch))
    assert model.starts_at_base
    assert not model_of(log).starts_at_base


def test_a_residual_network_learns_its_scale_and_leaves_the_factors_alone():
    log = small_synthetic_log()
    model = model_of(log, factors=random_factors(log.schema, ("user", "item")), residual=True)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    optimizer = torch.optim.SGD([weight for weight in model.parameters() if weight.requires_grad], lr=0.1)
    for rows in log.rows("train").split(500)[:3]:
        batch = log.gather(rows)
        optimizer.zero_grad()
        torch.nn.functional.binary_cross_entropy_with_logits(model(batch), batch.label).backward()
        optimizer.step()
    after = model.state_dict()
    frozen = {name for name in after if name.startswith("factor_logit.")}
    assert {name for name in after if torch.equal(after[name], before[name])} == frozen
    batch = log.gather(log.rows("test"))
    with torch.no_grad():
        expected = after["a"] * model.factor_logit(batch) + model.network(batch)
    assert torch.equal(model(batch), expected)


def test_residual_starts_leave_the_other_weights_as_they_were():
    log = small_synthetic_log()
    plain = model_of(log).state_dict()
    residual = model_of(log, factors=random_factors(log.schema, ("user", "item")), residual=True).state_dict()
    differing = {name for name in plain if not torch.equal(plain[name], residual[name])}
    assert differing == {"top.4.weight"}


def test_dropout_of_an_mlp_follows_each_relu_between_its_layers():
    network = mlp((3, 6, 5, 1), torch.Generator().manual_seed(0), last_relu=False, dropout=0.3)
    kinds = [type(layer).__name__ for layer in network]
    assert kinds == ["Linear", "ReLU", "Dropout", "Linear", "ReLU", "Dropout", "Linear"]
    of_vector = mlp((3, 6, 4), torch.Generator().manual_seed(0), last_relu=True, dropout=0.3)
    assert [type(layer).__name__ for layer in of_vector] == ["Linear", "ReLU", "Dropout", "Linear", "ReLU"]


def test_an_mlp_with_dropout_computes_what_its_layers_do_one_by_one():
    network = mlp((30, 60, 50, 1), torch.Generator().manual_seed(0), last_relu=False, dropout=0.3)
    inputs = torch.randn(40, 30, generator=torch.Generator().manual_seed(1))
    for is_training in (True, False):
        network.train(is_training)
        torch.manual_seed(3)
        found = network(inputs)
        torch.manual_seed(3)
        expected = inputs
        for layer in network:
            expected = layer(expected)
        torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-5)
    torch.manual_seed(3)
    assert torch.equal(network(inputs), found)


@pytest.mark.parametrize("name", ["dropout", "embedding_dropout"])
def test_dropout_makes_training_random_and_leaves_evaluation_alone(name):
    log = small_synthetic_log()
    batch = log.gather(log.rows("test"))
    plain, model = model_of(log).eval(), model_of(log, **{name: 0.5})
    torch.manual_seed(0)
    assert not torch.equal(model(batch), model(batch))
    assert torch.equal(model.eval()(batch), plain(batch))
    with pytest.raises(UsageError, match=rf"model\.{name} is 1\.0; expected a probability in"):
        model_of(log, **{name: 1.0})


def test_embedding_dropout_drops_entries_and_scales_up_the_others():
    log = small_synthetic_log()
    model = model_of(log, embedding_dropout=0.25)
    batch = log.gather(log.rows("train")[:500])
    vectors, found = model.embeddings(batch), model.vectors(batch)
    is_kept = found != 0
    assert float(is_kept.float().mean()) == pytest.approx(0.75, abs=0.02)
    torch.testing.assert_close(found[is_kept], vectors[is_kept] / 0.75)
