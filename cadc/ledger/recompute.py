"""Recomputes the numbers of a record from the files of its run, and reports those that differ."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cadc.configuration.nested import part
from cadc.embeddings.measured import table_bytes
from cadc.evaluation.prefixes import PREFIX, of_part
from cadc.ledger.reading import Record
from cadc.ledger.safe_text import harmless, number
from cadc.storage.run_files import MODEL

if TYPE_CHECKING:
    from torch import Tensor

TOLERANCE = 1e-12
"""Between a recorded and a recomputed metric: other versions of NumPy may add in another order."""


def score_faults(path: Path, record: Record) -> Iterator[str]:
    """Yield the metrics of a record that differ from those computed from the saved scores or ranks."""
    import pandas as pd

    from cadc.evaluation.metrics.lookup import is_metric, metric

    evaluated = part(record, "config").get("evaluate", "test")
    try:
        scores = pd.read_parquet(path)
        recorded = of_part(evaluated, part(record, "metrics"))
        computed = {name: metric(name).value(scores) for name in recorded if is_metric(name)}
    except Exception as error:  # pyarrow has many classes of error for broken files
        yield f"metrics cannot be computed from {path.name} ({harmless(repr(error), 200)})"
        return
    n_rows = part(part(record, "data"), "rows").get(evaluated)
    if "rank" not in scores and len(scores) != n_rows:
        yield f"{path.name} has {len(scores)} rows, but the {evaluated} part has {harmless(n_rows, 60)}"
    for name in recorded:
        value = number(recorded[name])
        if name not in computed:
            yield f"the metric {PREFIX[evaluated]}{harmless(name, 80)} cannot be computed from {path.name}"
        elif value is None or not abs(value - computed[name]) <= TOLERANCE:
            written = harmless(json.dumps(recorded[name]), 60)
            yield f"{PREFIX[evaluated]}{name} is {written} in its record, but {path.name} gives {computed[name]!r}"


def cost_faults(record: Record) -> Iterator[str]:
    """Yield faults of the seconds, which the hashes of earlier records do not cover."""
    cost = part(record, "cost")
    stages = [
        value for name, value in cost.items() if name.endswith("_s") and name not in ("total_s", "examples_per_s")
    ]
    if any(number(value) is None for value in stages) or sum(stages) != cost.get("total_s"):
        yield "the seconds of its stages do not add up to total_s"


def model_faults(path: Path, record: Record) -> Iterator[str]:
    """Yield faults of the weights, and of the bytes of the tables in them."""
    from safetensors.torch import load_file

    try:
        weights = load_file(path)
    except Exception as error:  # safetensors has its own classes of error for broken files
        yield f"{MODEL} cannot be read ({harmless(repr(error), 200)})"
        return
    measured = table_bytes(weights)
    recorded = part(record, "bytes").get("embedding")
    if measured != recorded:
        yield f"its tables take {measured} bytes, but its record has {harmless(recorded, 60)}"
    if tables := part(record, "tables"):
        yield from _tables(tables, weights)


def _tables(tables: Mapping[str, Any], weights: "Mapping[str, Tensor]") -> Iterator[str]:
    """Yield faults of the bytes and compression ratios of compressed tables."""
    from cadc.embeddings.measured import bytes_from_weights, sums

    files = part(tables, "files")
    try:
        measured, computed = bytes_from_weights(files, weights), sums(files)
    except (KeyError, TypeError, ValueError, ArithmeticError, AttributeError, RecursionError) as error:
        yield f"tables.files in its record is not valid ({harmless(repr(error), 200)})"
        return
    for name, size in measured.items():
        if size != files[name]["bytes"]:
            written = harmless(files[name]["bytes"], 60)
            yield f"the file of {harmless(name, 80)} takes {size} bytes, but its record has {written}"
    for name, value in computed.items():
        recorded = number(tables.get(name))
        if recorded is None or not abs(recorded - value) <= TOLERANCE * value:
            yield f"tables.{name} is {harmless(tables.get(name), 60)} in its record, but its files give {value!r}"
