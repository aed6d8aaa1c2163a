"""The file of made-up sales that tests of tables share."""

import csv

import pytest

from tests.data.made_up_sales import made_up_rows


@pytest.fixture
def path(tmp_path):
    """A CSV file of the made-up rows."""
    rows = made_up_rows()
    with (tmp_path / "sales.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return tmp_path / "sales.csv"
