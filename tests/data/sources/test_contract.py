"""Every source of conf/data keeps the contract, on small made-up files in its publisher's layout."""

import pytest

from cadc.configuration.class_lookup import load_class
from cadc.configuration.compose import compose_config
from cadc.configuration.groups import groups
from cadc.testing import check_source
from tests.data import small_sources
from tests.support.helpers import write_small_movielens

WRITE = {
    "ml-10m": small_sources.write_ml_10m,
    "movietweetings": small_sources.write_movietweetings,
    "epinions": small_sources.write_epinions,
    "criteo": small_sources.write_criteo,
    "avazu": small_sources.write_avazu,
    "frappe_x1": small_sources.write_frappe_x1,
    "movielenslatest_x1": small_sources.write_movielenslatest_x1,
    "gowalla": small_sources.write_lightgcn_parts,
    "yelp2018": small_sources.write_lightgcn_parts,
} | dict.fromkeys(("ml-20m", "ml-25m", "ml-latest", "ml-latest-small"), small_sources.write_movielens_csv)
SMALL = {option: {"n_rows": 1000, "n_users": 40, "n_items": 50} for option in ("synthetic", "drifting")}


OF_ONES_OWN = ("table", "recbole", "lightgcn", "libfm")
"""Options that read files wherever they lie; tests/data/layouts has the contract of the last three."""


@pytest.mark.parametrize("option", [option for option in groups()["data"] if option not in OF_ONES_OWN])
def test_contract_is_kept(option, tmp_path, monkeypatch):
    folder = tmp_path / "publishers"
    write_small_movielens(folder)
    if option in WRITE:
        WRITE[option](folder / option)
    monkeypatch.setenv("CADC_DATA_DIR", str(folder))
    check_source(load_class(compose_config([f"data={option}"])["data"]["_target_"]), **SMALL.get(option, {}))


def test_a_table_keeps_the_contract(tmp_path):
    path, description = tmp_path / "sales.csv", tmp_path / "sales.yaml"
    lines = [f"u{row % 7},i{row % 11},{row % 2},{1000 + row},{'abc'[row % 3]},{row / 4}" for row in range(200)]
    path.write_text("\n".join(["customer,article,bought,when,channel,price", *lines]) + "\n")
    description.write_text("user: customer\nitem: article\nlabel: bought\ntime: when\n")
    check_source(
        load_class("cadc.data.sources.table.Table"),
        path=str(path),
        description=str(description),
        context_fields=("channel",),
        dense=("price",),
    )
