"""How much memory and disk a run will need, estimated before anything starts.

The constants were fitted to the peaks of memory that records hold (`cost.peak_rss_mb`); the guide *Check a machine*
says by how much the estimate missed others.
"""

from dataclasses import dataclass

from cadc.configuration.nested import part
from cadc.diagnosis.size import Size
from cadc.pipeline.settings import Settings

PROCESS = 410 << 20
"""Bytes of a process with the libraries that a run loads."""
A_ROW = 15
"""Bytes of a row of the log beside its columns: while it is prepared, factorised, sampled or evaluated."""
A_TRAINED_ROW = 12
"""Bytes of a row of the sample: its number and its place in the order of an epoch."""
A_SCORED_ROW = 60
"""Bytes of a row of validation and test while it is evaluated."""
IN_TRAINING = 10
"""Copies of the trained weights: gradients, two moments, the best epoch's, and all of that in a checkpoint."""
OF_START = 2
"""Copies of the uncompressed tables from whose values compressed ones start."""
ON_DEVICE = 4
"""Copies of the trained weights on the device: with gradients and two moments."""
OF_ACTIVATIONS = 6
"""Copies of the vectors of a batch, in the network and in its gradients."""
WHILE_PREPARED = 2
"""Copies of the columns on disk while a log is prepared."""
CHECKPOINT = 8
"""Copies of the trained weights on disk, while a checkpoint with the optimiser's state replaces another one."""
OF_SCORES = 36
"""Bytes of a test row in the file of scores."""
OF_METHOD = {"FactorizationMachine": 200}
"""Bytes of a row while a factorisation of this class is fitted, where it takes more than `A_ROW`."""
CROSSFIT = 4
"""Times as many bytes of a row when the rows are sorted into folds."""
LARGEST_BATCH = 4096
"""Rows of a step that `auto` comes to."""


@dataclass(frozen=True)
class Need:
    """What a run needs, in bytes.

    Parameters
    ----------
    memory : of its processes on this machine, which nothing else can take.
    pages : of its files, which are read from memory as long as there is room.
    device : of the memory of a GPU, if it is trained on one.
    runs, cache : on the disk of these folders.
    """

    memory: int
    pages: int
    device: int
    runs: int
    cache: int


def need_of(settings: Settings, size: Size, n_processes: int = 1) -> Need:
    """Return what a run will need.

    Parameters
    ----------
    settings : of the run.
    size : of its log.
    n_processes : that train it on this machine.
    """
    dim = int(part(settings.config, "embedding").get("dim") or 16)
    in_full = size.n_values * (dim + 1) * 4
    weights = 0 if settings.fit is None else _trained(settings, in_full)
    is_shared = settings.fit is not None and settings.fit.option("tables") == "sharded"
    own_weights = weights // n_processes if is_shared else weights
    start = OF_START * in_full if settings.scheme is not None and settings.scheme.build().is_compressing else 0
    batch = OF_ACTIVATIONS * _rows_of_step(settings) * size.n_fields * dim * 4 if settings.fit is not None else 0
    rate = 0.0 if settings.sampler is None else float(settings.sampler.options.get("rate", 1.0))
    rows = _bytes_a_row(settings) * size.n_rows + A_SCORED_ROW * (size.rows["validation"] + size.rows["test"])
    trained_rows = A_TRAINED_ROW * int(rate * size.rows["train"])
    factors = 0 if settings.factor_dim is None else size.n_values * (settings.factor_dim + 1) * 4
    columns = int(size.bytes_a_row * size.n_rows)
    return Need(
        memory=rows + 3 * factors + n_processes * (PROCESS + IN_TRAINING * own_weights + start + trained_rows) + batch,
        pages=columns,
        device=ON_DEVICE * own_weights + batch // n_processes,
        runs=(1 + CHECKPOINT) * weights + OF_SCORES * size.rows["test"],
        cache=factors + (0 if size.is_prepared else WHILE_PREPARED * columns),
    )


def _trained(settings: Settings, in_full: int) -> int:
    """Return the bytes of the tables that are trained, from those of uncompressed ones."""
    embedding = part(settings.config, "embedding")
    budget, ratio = embedding.get("budget"), embedding.get("ratio")
    if isinstance(budget, int | float):
        return min(in_full, int(budget))
    return int(in_full / ratio) if isinstance(ratio, int | float) and ratio >= 1 else in_full


def _rows_of_step(settings: Settings) -> int:
    assert settings.fit is not None
    rows = settings.fit.option("batch_size")
    return rows if isinstance(rows, int) else LARGEST_BATCH


def _bytes_a_row(settings: Settings) -> int:
    found = A_ROW
    if settings.factorization is not None:
        found = max(found, OF_METHOD.get(settings.factorization.cls.__name__, 0))
        if settings.factorized_rows == "crossfit":
            found *= CROSSFIT
    return found
