"""What a command imports sooner or later, loaded in the process that commands are forked from; see `processes`."""

# ruff: noqa: F401
import gc
import tempfile
from pathlib import Path

import matplotlib.pyplot
import pyarrow.parquet
import pytorch_lightning
import torch

import cadc.execution.sweep
import cadc.factorization.logistic
import cadc.models.dlrm
import cadc.pipeline.run
import cadc.reporting.results
import cadc.terminal.fit_progress
import cadc.training.callbacks
import cadc.training.fit_module
from cadc.configuration.compose import compose_config
from cadc.configuration.overrides import expand
from cadc.experiment import load_experiment
from cadc.ledger.identity import run_code
from cadc.pipeline.settings import Settings
from tests.support.sweeps import FEW, write_experiment

torch.set_num_threads(1)
run_code(Settings.compose())
with tempfile.TemporaryDirectory() as name:
    write_experiment(Path(name))
    cells = load_experiment(name).cells([], False)
# Hydra takes longer for a configuration than its run does, and many processes carry out the same sweeps.
for words in [*expand(FEW[2:]), *(cell.overrides for cell in cells)]:
    compose_config(words)
# The collection before each run need not look at all that again.
gc.collect()
gc.freeze()
