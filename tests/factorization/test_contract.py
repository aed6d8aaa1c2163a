"""Every factorisation of conf/factorization keeps the contract."""

import pytest

from cadc.configuration.class_lookup import load_class
from cadc.configuration.components import options_of
from cadc.configuration.compose import compose_config
from cadc.configuration.groups import groups
from cadc.testing import check_factorization

QUICK = {"max_epochs": 3, "iterations": 3}


@pytest.mark.parametrize("option", groups()["factorization"])
def test_contract_is_kept(option):
    node = compose_config([f"factorization={option}"])["factorization"]
    options = options_of(node, "factorization")
    check_factorization(load_class(node["_target_"]), **{key: QUICK.get(key, own) for key, own in options.items()})
