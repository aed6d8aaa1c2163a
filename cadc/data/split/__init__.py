"""Splits of a log: training rows, validation rows for choices, and test rows for the final figures."""

from typing import TYPE_CHECKING

from cadc.configuration.public_names import lazily

if TYPE_CHECKING:
    from cadc.data.split.chronological import ChronologicalSplit
    from cadc.data.split.given import GivenSplit
    from cadc.data.split.global_time import GlobalTimeSplit
    from cadc.data.split.hashed import HashedSplit
    from cadc.data.split.leave_one_out import LeaveOneOutSplit
    from cadc.data.split.random import RandomSplit
    from cadc.data.split.sessions import SessionSplit
    from cadc.data.split.split import SPLITS, Split
else:
    __getattr__, __dir__ = lazily(__name__)

__all__ = [
    "SPLITS",
    "ChronologicalSplit",
    "GivenSplit",
    "GlobalTimeSplit",
    "HashedSplit",
    "LeaveOneOutSplit",
    "RandomSplit",
    "SessionSplit",
    "Split",
]
