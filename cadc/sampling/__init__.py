"""Which training rows stay: a log, a rate and a generator in, row numbers out."""

from typing import TYPE_CHECKING

from cadc.configuration.public_names import lazily

if TYPE_CHECKING:
    from cadc.sampling.coherence import CoherenceSampler
    from cadc.sampling.hashed import HashedSampler
    from cadc.sampling.label_balanced import LabelBalancedSampler
    from cadc.sampling.leverage import LeverageSampler
    from cadc.sampling.loss_based import LossBasedSampler
    from cadc.sampling.popularity import PopularitySampler
    from cadc.sampling.recent import RecentSampler
    from cadc.sampling.sampler import Sample, Sampler
    from cadc.sampling.scored import ScoredSampler
    from cadc.sampling.stratified import StratifiedSampler
    from cadc.sampling.svp_cf import SVPCFSampler
    from cadc.sampling.unequal import UnequalSampler
    from cadc.sampling.uniform import UniformSampler
    from cadc.sampling.users import UsersSampler
else:
    __getattr__, __dir__ = lazily(__name__)

__all__ = [
    "CoherenceSampler",
    "HashedSampler",
    "LabelBalancedSampler",
    "LeverageSampler",
    "LossBasedSampler",
    "PopularitySampler",
    "RecentSampler",
    "SVPCFSampler",
    "Sample",
    "Sampler",
    "ScoredSampler",
    "StratifiedSampler",
    "UnequalSampler",
    "UniformSampler",
    "UsersSampler",
]
