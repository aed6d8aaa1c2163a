"""Every initialiser of conf/initializer keeps the contract."""

import pandas as pd
import pytest

from cadc.configuration.class_lookup import load_class
from cadc.configuration.components import options_of
from cadc.configuration.compose import compose_config
from cadc.configuration.groups import groups
from cadc.testing import check_initializer, small_log


@pytest.fixture
def table(tmp_path):
    """A file with a vector for each item."""
    log = small_log()
    vectors = [[float(row), 0.5, -1.0, 0.1] for row in range(log.schema["item"].vocabulary_size - 1)]
    path = tmp_path / "item.parquet"
    pd.DataFrame({"value": log.vocabulary("item"), "vector": vectors}).to_parquet(path)
    return path


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("option", groups()["initializer"])
def test_contract_is_kept(option, frozen, table):
    own = [f"initializer.path={table}", "initializer.fields=[item]"] if option == "table" else []
    node = compose_config([f"initializer={option}", *own])["initializer"]
    options = options_of(node, "initializer")
    check_initializer(load_class(node["_target_"]), dim=4, **{**options, "freeze": frozen})
