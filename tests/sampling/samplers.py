"""Every sampler as the tests build it, and the logs that they draw from."""

import shutil
from functools import partial
from pathlib import Path

import numpy as np
import torch

from cadc.data.log import InteractionLog
from cadc.data.prepare import prepare
from cadc.data.sources.ml_100k import MovieLens100K
from cadc.data.split.random import RandomSplit
from cadc.factorization.factors import Factors
from cadc.randomness import numpy_generator
from cadc.sampling.coherence import CoherenceSampler
from cadc.sampling.hashed import HashedSampler
from cadc.sampling.label_balanced import LabelBalancedSampler
from cadc.sampling.leverage import LeverageSampler
from cadc.sampling.loss_based import LossBasedSampler
from cadc.sampling.popularity import PopularitySampler
from cadc.sampling.recent import RecentSampler
from cadc.sampling.stratified import StratifiedSampler
from cadc.sampling.svp_cf import SVPCFSampler
from cadc.sampling.uniform import UniformSampler
from cadc.sampling.users import UsersSampler
from tests.support.helpers import small_synthetic_log

svp_cf, loss_based = partial(SVPCFSampler, epochs=4), partial(LossBasedSampler, epochs=2, proxies=2)
SAMPLERS = {
    "uniform": UniformSampler,
    "hashed": HashedSampler,
    "stratified": StratifiedSampler,
    "stratified by item": partial(StratifiedSampler, by="item"),
    "users": UsersSampler,
    "recent": RecentSampler,
    "popularity": PopularitySampler,
    "popularity by user, weighted": partial(PopularitySampler, by="user", beta=-1, weighting="ipw"),
    "coherence": CoherenceSampler,
    "coherence, weighted": partial(CoherenceSampler, measure="surprise", beta=-0.5, weighting="ipw"),
    "leverage": LeverageSampler,
    "leverage, weighted": partial(LeverageSampler, weighting="ipw", clip=None),
    "label_balanced": LabelBalancedSampler,
    "label_balanced, weighted": partial(LabelBalancedSampler, balance=0.3, weighting="ipw"),
    "svp_cf": svp_cf,
    "svp_cf by user": partial(svp_cf, by="user"),
    "svp_cf, mistakes": partial(svp_cf, event="mistake", dim=0),
    "loss_based": loss_based,
    "loss_based, mixed": partial(loss_based, keep="mixed", error="squared"),
}
"""By the name of their YAML, followed by what is set beside the rate."""

WEIGHTED = [name for name in SAMPLERS if name.endswith("weighted")]
IGNORING_LABELS = [
    name
    for name in SAMPLERS
    if name.startswith(("uniform", "hashed", "users", "stratified", "popularity", "coherence"))
]

LOGS = {"synthetic": small_synthetic_log, "ml-100k": lambda: prepare(MovieLens100K(), RandomSplit())}


def draw(sampler, log, seed=0):
    """Return a sampler's sample, with made-up factors for one that asks for them."""
    return sampler(log, numpy_generator(seed, "sample"), lambda: factors_of(log))


def factors_of(log, dim=5):
    generator = torch.Generator().manual_seed(0)
    sizes = {name: log.schema[name].vocabulary_size for name in ("user", "item")}
    vectors = {name: torch.randn(size, dim, generator=generator) for name, size in sizes.items()}
    for table in vectors.values():
        table[0] = 0
    return Factors(vectors, {name: torch.zeros(size) for name, size in sizes.items()})


def changed(log, folder: Path, **columns) -> InteractionLog:
    """Copy a log with other values in the training rows of some columns; None leaves a column out."""
    shutil.copytree(log.folder, folder)
    for name, values in columns.items():
        if values is None:
            (folder / f"{name}.npy").unlink()
        else:
            column = np.load(folder / f"{name}.npy")
            column[: log.n_rows("train")] = values
            np.save(folder / f"{name}.npy", column)
    meta = (folder / "meta.json").read_text()
    (folder / "meta.json").write_text(meta.replace(log.content_hash, f"{hash(folder) % 2**64:064x}"))
    return InteractionLog(folder)
