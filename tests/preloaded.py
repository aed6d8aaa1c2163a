"""What a command imports sooner or later, loaded in the process that commands are forked from; see `processes`."""

# ruff: noqa: F401
import gc

import matplotlib.pyplot
import pyarrow.parquet
import pytorch_lightning
import torch

import cadc.factorization.logistic
import cadc.models.dlrm
import cadc.pipeline
import cadc.reporting.results
import cadc.sweep
import cadc.training.callbacks
import cadc.training.module
import cadc.training.progress
from cadc.config import compose_config
from cadc.ledger.identity import run_code

torch.set_num_threads(1)
run_code(compose_config([]))
# The collection before each run need not look at all that again.
gc.collect()
gc.freeze()
