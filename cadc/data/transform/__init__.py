"""Transforms of dense columns: fitted to the training part, they turn raw numbers into inputs of a model."""

from typing import TYPE_CHECKING

from cadc.configuration.public_names import lazily

if TYPE_CHECKING:
    from cadc.data.transform.auto import AutoTransform
    from cadc.data.transform.curve import Curve
    from cadc.data.transform.fitted import FittedTransform
    from cadc.data.transform.log import LogTransform
    from cadc.data.transform.none import NoTransform
    from cadc.data.transform.rank import RankTransform
    from cadc.data.transform.standard import StandardTransform
    from cadc.data.transform.transform import DenseTransform
else:
    __getattr__, __dir__ = lazily(__name__)

__all__ = [
    "AutoTransform",
    "Curve",
    "DenseTransform",
    "FittedTransform",
    "LogTransform",
    "NoTransform",
    "RankTransform",
    "StandardTransform",
]
