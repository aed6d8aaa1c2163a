"""Every model of conf/model keeps the contract, with each choice that changes what it asks for."""

import pytest

from cadc.configuration.class_lookup import load_class
from cadc.configuration.components import options_of
from cadc.configuration.compose import compose_config
from cadc.configuration.groups import groups
from cadc.testing import check_model
from cadc.testing.logs import small_log
from cadc.testing.view import made_up_views

CHOICES = {
    "dlrm": (
        {},
        {"residual": True},
        {"interaction": "concatenate"},
        {"interaction": "both", "linear": True, "dropout": 0.1, "residual": True},
        {"embedding_dropout": 0.1},
    ),
    "deepfm": ({}, {"residual": True, "dropout": 0.1}),
    "matrix_factorization": ({}, {"run_task": "ranking", "negatives": 3}, {"biases": False}),
    "lightgcn": ({}, {"run_task": "ranking", "biases": True}, {"layers": 0}),
    "stack": ({}, {"pairs_l2": 10.0}),
    "dcn": ({}, {"residual": True}, {"rank": 4, "structure": "stacked", "linear": True, "embedding_dropout": 0.1}),
    "sasrec": ({}, {"negatives": 5, "history_rows": "sample", "length": 3, "heads": 4}),
    "view_network": ({}, {"members": 1, "hidden": (8,), "dropout": 0.0}),
    "two_tower": (
        {},
        {"residual": True, "scorer": "dot", "loss": "bpr"},
        {"scorer": "mlp", "loss": "bce", "id_dot": True, "random": 4},
        {"loss": "margin", "in_batch": 3, "layer_norm": True, "dropout": 0.1},
        {"history": (1, 5), "history_rows": "sample"},
        {"passed_over": 3, "loss": "bpr", "in_batch": 0},
    ),
}
CASES = [(option, own) for option in groups()["model"] for own in CHOICES.get(option, ({},))]


@pytest.mark.parametrize(("option", "own"), CASES, ids=[" ".join([name, *map(str, own)]) for name, own in CASES])
def test_contract_is_kept(option, own):
    node = compose_config([f"model={option}"])["model"]
    check_model(load_class(node["_target_"]), **{**options_of(node, "model"), **own})


@pytest.mark.parametrize("option", ["dlrm", "dlrm_products", "deepfm", "dcn"])
def test_contract_is_kept_with_views(option):
    node = compose_config([f"model={option}"])["model"]
    check_model(load_class(node["_target_"]), views=made_up_views(small_log()), **options_of(node, "model"))
