"""A fleet: runs whose models have equal shapes are trained together, as one batched program.

Each arm has its own rows, order of batches, learning rate, penalties and early stopping, as if it were trained alone.
"""

from cadc.training.fleet.arm import Arm
from cadc.training.fleet.fleet import Fleet, NotTogether

__all__ = ["Arm", "Fleet", "NotTogether"]
