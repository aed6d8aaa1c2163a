"""Experiments: a folder with a grid of arms and seeds, and what it claims."""

from cadc.experiment.claims import Claim
from cadc.experiment.grid import Cell, Experiment
from cadc.experiment.reading import load_experiment, names
from cadc.experiment.references import Choosing, Reference
from cadc.experiment.tune import Tune
from cadc.experiment.tuned import Tuned

__all__ = ["Cell", "Choosing", "Claim", "Experiment", "Reference", "Tune", "Tuned", "load_experiment", "names"]
