"""Exports model and tables of a finished run for other frameworks, with raw ids."""

import json
import shutil
from pathlib import Path
from typing import Literal

import pandas as pd
import torch
from safetensors.torch import save
from torch import Tensor, nn

from cadc.data.log import InteractionLog
from cadc.data.transform.fitted import TRANSFORM
from cadc.embeddings.base.table_file import write_table
from cadc.embeddings.collection import EmbeddingCollection
from cadc.embeddings.measured import is_compressed, tables_in
from cadc.embeddings.vectors import TABLES, VOCABULARY, write_parquet
from cadc.ledger.store import Ledger
from cadc.models.linear_terms import LinearTerms, collections_of_vectors
from cadc.models.model import Model
from cadc.serving.load import load_run
from cadc.storage.output_files import check_output_folder, put_in_place, remove_output
from cadc.storage.run_files import MODEL, RECORD

Format = Literal["safetensors", "parquet"]

COMPRESSED = "compressed"
"""Sub-folder for the compressed tables in the form in which they are served."""


def export(ledger: Ledger, run_id: str, folder: Path, kind: Format = "safetensors") -> None:
    """Write model and tables of a run for use elsewhere; `initializer=table` reads the tables back.

    In both formats `model.safetensors` has all weights under their names in the model, and `record.json` is the record.
    Tables are float32, with the rows that are looked up: an id that the model treats as *unknown* has the row of that.

    - `safetensors`: `tables.safetensors` has a table for each field, whose row i belongs to line i of
      `vocabulary_FIELD.parquet` (line 0 is *unknown*). If the model scores by a factorisation, alone or with a
      network's residual, `factors.safetensors` has `vectors.FIELD`, `biases.FIELD`, `dense` (weights of the dense
      features, if any), and `a` and `b`: the logit of the model is a·z + b, plus that of the network. If it has linear
      terms, `linear.safetensors` has `weights.FIELD` and `dense`. If its score is a product of vectors
      that are not those of tables, as LightGCN's is, `vectors.safetensors` has one for each user and item, by field.
    - `parquet`: `FIELD.parquet` has the columns `value` (raw id, missing for *unknown*) and `vector`,
      `factors_FIELD.parquet` `value`, `bias` and `vector`, `linear_FIELD.parquet` `value` and `weight`,
      `vectors_FIELD.parquet` `value` and `vector`, and `factors.json` and `linear.json` the rest. Biases alone have no
      vectors.

    If dense features are transformed, `transform.json` has what turns their raw values into inputs of the model: a list
    of objects with the name of the `column` and the numbers of its `cadc.data.transform.Curve`, which says how they are
    applied; a number that is left out has the default of that class.

    If tables are compressed, the folder `compressed` also has the files that serve the model, one for each table, which
    `cadc.embeddings.base.table_file.read_table` reads, and for each field `vocabulary_FIELD.parquet` with the columns
    `value` and `row`, the id to look up.

    Cross-fitted factors have one more dimension (`vectors.FIELD` of shape [K, n, k], columns `vector_0` …); z is then
    the mean of their logits.

    Parameters
    ----------
    ledger, run_id : the finished run.
    folder : to write.
    kind : format of the tables.

    Raises
    ------
    CadcError : as `load_run` does.
    """
    check_output_folder(folder)
    record, log, model = load_run(ledger, run_id)
    tables, factors, linear = tables_of(model, log), factors_of(model), linear_of(model, log)
    numbers, vectors = dict(zip("ab", model.calibration(), strict=True)), model.served_vectors()

    def write(aside: Path) -> None:
        shutil.copyfile(ledger.path(run_id) / MODEL, aside / MODEL)
        (aside / RECORD).write_text(json.dumps(record, indent=1))
        if not log.transform.is_identity:
            (aside / TRANSFORM).write_text(log.transform.to_text())
        if kind == "parquet":
            _write_parquet(aside, log, tables, factors, numbers)
            _write_linear(aside, log, linear)
            for name, table in vectors.items():
                write_parquet(aside / f"vectors_{name}.parquet", _ids(log, name), {"vector": table})
            return
        (aside / TABLES).write_bytes(save(tables))
        for field in log.schema.fields:
            _ids(log, field.name).to_frame("value").to_parquet(aside / VOCABULARY.format(field.name))
        if factors:
            scalars = {name: torch.tensor(value, dtype=torch.float64) for name, value in numbers.items()}
            (aside / "factors.safetensors").write_bytes(save(factors | scalars))
        if linear:
            (aside / "linear.safetensors").write_bytes(save(linear))
        if vectors:
            (aside / "vectors.safetensors").write_bytes(save(vectors))

    put_in_place(folder, write)
    _write_compressed(folder / COMPRESSED, log, model)


def _write_compressed(folder: Path, log: InteractionLog, model: nn.Module) -> None:
    """Write the files of all tables, each under its name in the model, if some are compressed."""
    files = {f"{name}.safetensors": table for name, table in tables_in(model)} if is_compressed(model) else {}
    for path in folder.glob("*.tables.*.safetensors"):
        if path.name not in files:  # of another run
            remove_output(path)
    if not files:
        return
    looked_up = rows_of_ids(model)

    def write(aside: Path) -> None:
        for name, table in files.items():
            write_table(table, aside / name)
        for field in log.schema.fields:
            rows = looked_up.get(field.name, torch.arange(field.vocabulary_size))
            vocabulary = {"value": _ids(log, field.name), "row": rows.numpy().astype("int32")}
            pd.DataFrame(vocabulary).to_parquet(aside / VOCABULARY.format(field.name))

    put_in_place(folder, write)


def rows_of_ids(model: nn.Module) -> dict[str, Tensor]:
    """Return the id that each id looks up, int64 [vocabulary size], of fields in which some look up another."""
    found: dict[str, Tensor] = {}
    for module in model.modules():
        if isinstance(module, EmbeddingCollection) and module.unknown is not None:
            found |= module.unknown.rows_of_ids()
    return found


def tables_of(model: Model, log: InteractionLog) -> dict[str, Tensor]:
    """Return the table of each field as it is looked up, float32 [vocabulary size, dim].

    A factorisation alone has its vectors; cross-fitted factorisations, whose bases differ, have no tables.
    """
    found: dict[str, Tensor] = {}
    for collection in collections_of_vectors(model):
        found |= collection.dense_tables(log.schema)
    vectors = {name.removeprefix("vectors."): value for name, value in factors_of(model).items() if "vectors." in name}
    return found or {name: value for name, value in vectors.items() if value.ndim == 2}


def factors_of(model: Model) -> dict[str, Tensor]:
    """Return `vectors.FIELD` [n, k], `biases.FIELD` [n] and `dense` [D] of the factorisation that a model scores by.

    Those of cross-fitted factorisations have a first dimension of folds.
    """
    parts = model.served_factors()
    if not parts:
        return {}
    found = {f"vectors.{name}": [part.vectors[name] for part in parts] for name in parts[0].fields}
    found |= {f"biases.{name}": [part.biases[name] for part in parts] for name in parts[0].fields}
    if parts[0].dense is not None:
        found["dense"] = [part.dense for part in parts if part.dense is not None]
    return {name: torch.stack(of_parts).squeeze(0) for name, of_parts in found.items()}


def linear_of(model: Model, log: InteractionLog) -> dict[str, Tensor]:
    """Return `weights.FIELD` [n] and `dense` [D] of the linear terms of a model, float32."""
    found: dict[str, Tensor] = {}
    for module in model.modules():
        if isinstance(module, LinearTerms):
            found |= {f"weights.{name}": weights for name, weights in module.weights(log.schema).items()}
            found |= {} if module.dense is None else {"dense": module.dense.detach()}
    return found


def _write_parquet(
    folder: Path, log: InteractionLog, tables: dict[str, Tensor], factors: dict[str, Tensor], numbers: dict[str, float]
) -> None:
    for name, table in tables.items():
        if not table.shape[1]:  # of biases alone
            continue
        write_parquet(folder / f"{name}.parquet", _ids(log, name), {"vector": table})
    names = [name.removeprefix("vectors.") for name in factors if name.startswith("vectors.")]
    for name in names:
        of_kind = {"bias": (factors[f"biases.{name}"], 1), "vector": (factors[f"vectors.{name}"], 2)}
        columns = {}
        for kind, (values, n_dims) in of_kind.items():
            if values.shape[-1] == 0:
                continue
            if values.ndim == n_dims:
                columns[kind] = values
            else:
                columns |= {f"{kind}_{part}": own for part, own in enumerate(values)}
        write_parquet(folder / f"factors_{name}.parquet", _ids(log, name), columns)
    if factors:
        dense = factors["dense"].tolist() if "dense" in factors else None
        (folder / "factors.json").write_text(json.dumps(numbers | {"dense": dense}))


def _write_linear(folder: Path, log: InteractionLog, linear: dict[str, Tensor]) -> None:
    for name, weights in linear.items():
        if name != "dense":
            field = name.removeprefix("weights.")
            write_parquet(folder / f"linear_{field}.parquet", _ids(log, field), {"weight": weights})
    if linear:
        dense = linear["dense"].tolist() if "dense" in linear else None
        (folder / "linear.json").write_text(json.dumps({"dense": dense}))


def _ids(log: InteractionLog, field: str) -> "pd.Series[str]":
    """Return the raw value of each id of a field, missing for *unknown*; whole numbers stay whole numbers."""
    values = pd.Series(log.vocabulary(field)).convert_dtypes()
    return pd.concat([pd.Series([None], dtype=values.dtype), values], ignore_index=True)
