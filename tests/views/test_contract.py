"""Every view of conf/views keeps the contract."""

import pytest

from cadc.configuration.class_lookup import load_class
from cadc.configuration.components import options_of
from cadc.configuration.compose import compose_config
from cadc.configuration.groups import groups
from cadc.testing import check_view


@pytest.mark.parametrize("option", groups()["views"])
def test_contract_is_kept(option):
    node = compose_config([f"views=[{option}]"])["views"][option]
    check_view(load_class(node["_target_"]), **options_of(node, f"views.{option}"))
