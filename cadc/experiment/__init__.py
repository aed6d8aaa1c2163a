"""Experiments: a folder with a grid of arms and seeds, what it claims, and the words to run it with."""

from cadc.experiment.grid import Cell, Experiment, Reference
from cadc.experiment.reading import load_experiment, names
from cadc.experiment.tuned import Tune, Tuned

__all__ = ["Cell", "Experiment", "Reference", "Tune", "Tuned", "load_experiment", "names"]
