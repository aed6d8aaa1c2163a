"""Bytes of all that a run serves, also for records of older versions, which only name those of the tables."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from cadc.configuration.nested import part
from cadc.ledger.store import Record


class ModelBytes:
    """Bytes of tables, indices, codebooks and network together.

    Older records say what the optimizer held: two float32 numbers for each weight that was trained. Where all weights
    were, as those of uncompressed tables that start at random, half of it less the tables is the network, up to the
    hundred bytes of a table's header. Runs on the same data have the same network if they set the same options of a
    model that reads nothing but products, which makes it independent of the tables.

    Parameters
    ----------
    records : those of a table.
    """

    def __init__(self, records: Iterable[Record]) -> None:
        self._networks: dict[str, int] = {}
        for record in records:
            found = record["bytes"]
            optimizer, tables = found.get("optimizer"), found.get("embedding")
            # Records that tell the bytes of the model may count averaged weights among those of the optimizer.
            if found.get("model") is None and optimizer and tables and _trains_all(record):
                self._networks[_network(record)] = optimizer // 2 - tables

    def __call__(self, record: Record) -> int | None:
        """Return the bytes of a run; None if neither its record nor another tells them."""
        found = record["bytes"]
        if found.get("model") is not None:
            return int(found["model"])
        tables = found.get("embedding")
        if tables is None:
            return None
        # The others score by the tables of a factorisation and a few numbers.
        network = self._networks.get(_network(record)) if "trainer" in record["uses"] else 0
        return None if network is None else int(tables) + network


def _trains_all(record: Record) -> bool:
    initializer: Mapping[str, Any] = part(record["config"], "initializer")
    choices = record["config"]["choices"]
    return "trainer" in record["uses"] and choices["embedding"] == "full" and not initializer.get("freeze")


def _network(record: Record) -> str:
    model = part(record["config"], "model")
    dim = None if model.get("interaction", "products") == "products" else part(record["config"], "embedding").get("dim")
    return json.dumps([record["data"]["name"], model, dim], sort_keys=True)
