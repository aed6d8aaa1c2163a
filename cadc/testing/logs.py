"""Small logs that contract tests run on."""

import hashlib
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from cadc.data.log import InteractionLog
from cadc.data.prepare import prepare
from cadc.data.schema import Schema
from cadc.data.sources.synthetic import Synthetic
from cadc.data.split.random import RandomSplit
from cadc.factorization.factors import Factors


def small_log(n_rows: int = 6000, n_users: int = 60, n_items: int = 80) -> InteractionLog:
    """Return a generated log with every kind of column that a log can have; it is prepared once and then cached.

    It has side fields of users and items, one of which is a bag, a context field, a dense feature, times, ratings from
    1 to 5, and the true probability of each row (`oracle`). 80 % of its rows train, 10 % validate and 10 % test.

    Parameters
    ----------
    n_rows, n_users, n_items : sizes.

    Examples
    --------
    >>> log = small_log()
    >>> log.n_rows("train"), [field.name for field in log.schema.bags], log.schema.dense
    (4800, ['tags'], ('recency',))
    """
    return prepare(Synthetic(n_rows=n_rows, n_users=n_users, n_items=n_items, ratings=True), RandomSplit())


def log_with(log: InteractionLog, folder: Path, **columns: NDArray[Any]) -> InteractionLog:
    """Return a copy of a log in which some columns have other values, and which has another content hash.

    Parameters
    ----------
    log : the log.
    folder : for the copy; must not exist.
    columns : by name, such as `label`; all rows, in the order train, validation, test.
    """
    shutil.copytree(log.folder, folder)
    content = hashlib.sha256(log.content_hash.encode())
    for name, values in columns.items():
        column = np.load(folder / f"{name}.npy", allow_pickle=False)
        column[:] = values
        np.save(folder / f"{name}.npy", column)
        content.update(column.tobytes())
    meta = (folder / "meta.json").read_text()
    (folder / "meta.json").write_text(meta.replace(log.content_hash, content.hexdigest()))
    return InteractionLog(folder)


def made_up_factors(schema: Schema, dim: int = 4, seed: int = 0) -> Factors:
    """Return random vectors and biases of user and item, those of *unknown* zero.

    Parameters
    ----------
    schema : of the log.
    dim : length of the vectors.
    seed : of the random values.
    """
    generator = torch.Generator().manual_seed(seed)
    vectors, biases = {}, {}
    for name in ("user", "item"):
        vectors[name] = torch.randn(schema[name].vocabulary_size, dim, generator=generator)
        biases[name] = torch.randn(schema[name].vocabulary_size, generator=generator)
        vectors[name][0], biases[name][0] = 0, 0
    return Factors(vectors, biases)
