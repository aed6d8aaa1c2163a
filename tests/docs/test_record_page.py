"""The page on records holds every key that records have, and no other."""

import json
import re

import pytest

from cadc.ledger.record_schema import SCHEMA
from tests.docs.documents import DOCUMENTS
from tests.support.commands import train

OPEN = (
    "config",
    "environment.packages",
    "environment.kernels.chosen",
    "metrics",
    "tables",
    "sample",
    "absent",
    "penalties",
    "files",
    "data.files",
    "data.options",
    "data.rows",
)
"""Keys whose inner keys depend on the run; the page says what they hold as a whole."""
SOMETIMES = {
    "data.rating_hash",
    "data.split_remark",
    "data.remarks",
    "remark",
    "environment.fleet",
    "cost.views_s",
    "cost.energy_kwh",
}
"""Keys that not every record has; the page says when."""
ON_VIEWS = ("model=stack", "views=[statistics]", "factorization_rows=complement", "sampler.rate=0.3")


def documented() -> set[str]:
    text = DOCUMENTS["docs/reference/record.md"].read_text()
    return set(re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE))


def keys(record: dict, prefix: str = "") -> set[str]:
    found: set[str] = set()
    for name, value in record.items():
        key = prefix + name
        inner = isinstance(value, dict) and key not in OPEN
        found |= keys(value, f"{key}.") if inner else {key}
    return found


@pytest.mark.parametrize("model", [(), ("model=bias",), ("embedding=hashing", "initializer=mf"), ON_VIEWS])
def test_page_has_the_keys_of_a_real_record(model) -> None:
    record = json.loads((train(*model) / "record.json").read_text())
    assert keys(record) - documented() == set()
    assert ("cost.views_s" in keys(record)) == (model == ON_VIEWS)
    assert documented() - keys(record) - SOMETIMES == {"config.choices"}


def test_page_has_the_keys_that_are_checked_in_every_record() -> None:
    inner = {key for key in SCHEMA if not any(key == group for group in ("data", "code", "cost", "rows", "bytes"))}
    assert inner - documented() == set()
