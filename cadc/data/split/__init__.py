"""Splits: which rows train, which choose (validation) and which judge (test)."""

from cadc.data.split.random import RandomSplit
from cadc.data.split.split import SPLITS, Split

__all__ = ["SPLITS", "RandomSplit", "Split"]
