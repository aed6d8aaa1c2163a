"""Contract tests that the author of a component can call: each checks a class as this project checks its own.

They run on small generated logs, raise an AssertionError with a sentence that says what is wrong, and need nothing but
an installed `cadc`; under pytest a test is one line.

>>> from cadc.sampling.uniform import UniformSampler
>>> check_sampler(UniformSampler)
"""

from cadc.testing.factorization import check_factorization
from cadc.testing.initializer import check_initializer
from cadc.testing.logs import made_up_factors, small_log
from cadc.testing.metric import check_metric
from cadc.testing.model import check_model
from cadc.testing.policy import check_policy, made_up_state
from cadc.testing.sampler import check_sampler
from cadc.testing.scheme import check_scheme
from cadc.testing.source import check_source
from cadc.testing.split import check_split
from cadc.testing.transform import check_transform
from cadc.testing.view import check_view, made_up_views

__all__ = [
    "check_factorization",
    "check_initializer",
    "check_metric",
    "check_model",
    "check_policy",
    "check_sampler",
    "check_scheme",
    "check_source",
    "check_split",
    "check_transform",
    "check_view",
    "made_up_factors",
    "made_up_state",
    "made_up_views",
    "small_log",
]
