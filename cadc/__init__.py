"""cadc: how little training data, and how few bytes of table, does a recommender need?

What a notebook needs is here; nothing heavy is imported before it is used.

- `run` and `sweep` carry out one configuration, or all combinations of several values, as `cadc train` does.
- `Run` is a finished run: metrics, scores, model, predictions. `runs` is the ledger as a data frame,
  and `table` has means and intervals of its runs, a row an arm.
- `compare` says whether one arm is better than another, `plot` draws a metric with its intervals over seeds.
- `lightning` gives the `RecommenderModule` and the `InteractionDataModule` of a configuration, for a
  `pytorch_lightning.Trainer` of your own.

>>> finished = cadc.run("data=synthetic", "sampler.rate=0.1")  # doctest: +SKIP
>>> finished.metrics["test/auc"]  # doctest: +SKIP
0.7153...
"""

import os as _os
from typing import TYPE_CHECKING

from cadc.configuration.public_names import lazily

if TYPE_CHECKING:
    from cadc.api.compare import compare
    from cadc.api.finished import Run
    from cadc.api.lightning import lightning
    from cadc.api.listing import runs
    from cadc.api.module import RecommenderModule
    from cadc.api.plot import plot
    from cadc.api.run import run
    from cadc.api.sweep import sweep
    from cadc.api.table import table
    from cadc.errors import CadcError, UsageError
    from cadc.training.data_module import InteractionDataModule
else:
    __getattr__, __dir__ = lazily(__name__)

if _os.environ.get("CADC_KERNELS"):
    # Before the libraries that choose their kernels by it are loaded.
    import cadc.provenance.pinned_kernels as _kernels

    _kernels.pin_kernels()

__version__ = "0.2.0"

__all__ = [
    "CadcError",
    "InteractionDataModule",
    "RecommenderModule",
    "Run",
    "UsageError",
    "__version__",
    "compare",
    "lightning",
    "plot",
    "run",
    "runs",
    "sweep",
    "table",
]
