"""Every split of conf/data/split keeps the contract."""

import pytest

from cadc.configuration.class_lookup import load_class
from cadc.configuration.components import options_of
from cadc.configuration.compose import compose_config
from cadc.configuration.groups import groups
from cadc.testing import check_split


@pytest.mark.parametrize("option", groups()["data/split"])
def test_contract_is_kept(option):
    node = compose_config([f"data/split={option}"])["data"]["split"]
    check_split(load_class(node["_target_"]), **options_of(node, "data.split"))
