"""What a user may have meant by an unknown name: one spelt alike whatever its case, or a word of another library."""

from collections.abc import Collection, Iterable
from difflib import get_close_matches

KEY_SYNONYMS: dict[str, tuple[str, ...]] = {
    "accumulate_grad_batches": ("trainer.batch_size",),
    "batch": ("trainer.batch_size",),
    "bs": ("trainer.batch_size",),
    "budget": ("embedding.budget", "embedding.ratio"),
    "compression": ("embedding.ratio",),
    "dataset": ("data",),
    "device": ("trainer.accelerator",),
    "devices": ("trainer.accelerator",),
    "d": ("embedding.dim",),
    "early_stopping": ("trainer.patience",),
    "embed_dim": ("embedding.dim",),
    "embedding_dim": ("embedding.dim",),
    "embedding_size": ("embedding.dim",),
    "epochs": ("trainer.max_epochs",),
    "factors": ("factorization.dim",),
    "fraction": ("sampler.rate",),
    "gpu": ("trainer.accelerator",),
    "gpus": ("trainer.accelerator",),
    "hidden_units": ("model.top_mlp", "model.hidden"),
    "init": ("initializer",),
    "l2": ("trainer.weight_decay_tables", "factorization.l2"),
    "lr": ("trainer.learning_rate",),
    "lr_scheduler": ("trainer.schedule",),
    "max_time": ("trainer.max_seconds",),
    "mlp": ("model.top_mlp",),
    "n_epochs": ("trainer.max_epochs",),
    "num_epochs": ("trainer.max_epochs",),
    "num_threads": ("threads",),
    "random_seed": ("seed",),
    "random_state": ("seed",),
    "sampling": ("sampler",),
    "sampling_rate": ("sampler.rate",),
    "scheduler": ("trainer.schedule",),
    "subset": ("sampler.rate",),
    "warmup": ("trainer.warm_up",),
    "warmup_steps": ("trainer.warm_up",),
    "wd": ("trainer.weight_decay_tables", "trainer.weight_decay_mlp"),
}
"""Keys by the names that other libraries give them, the last part of a key such as `optimizer.lr`."""

OPTION_SYNONYMS: dict[str, dict[str, tuple[str, ...]]] = {
    "data": {"movielens": ("ml-1m", "ml-100k"), "csv": ("table",), "parquet": ("table",), "random": ("synthetic",)},
    "embedding": {
        "compositional": ("qr",),
        "hash": ("hashing", "double_hashing"),
        "int8": ("quantised",),
        "md": ("mixed_dimension",),
        "none": ("full",),
        "quantization": ("quantised",),
        "quantized": ("quantised",),
        "quotientremainder": ("qr",),
        "tt": ("tensor_train",),
        "ttrec": ("tensor_train",),
    },
    "factorization": {"mf": ("logistic",), "ials": ("als",), "pca": ("svd",)},
    "initializer": {"normal": ("random",), "none": ("random",), "pretrained": ("table", "mf"), "uniform": ("random",)},
    "logger": {"false": ("none",), "weightsandbiases": ("wandb",)},
    "model": {
        "bert4rec": ("sasrec",),
        "bpr": ("matrix_factorization", "factorization"),
        "bprmf": ("matrix_factorization",),
        "dcnv2": ("dcn",),
        "dssm": ("two_tower",),
        "fm": ("deepfm", "factorization"),
        "gbdt": ("boosted_trees",),
        "gcn": ("lightgcn",),
        "gru4rec": ("sasrec",),
        "lightgbm": ("boosted_trees",),
        "logistic": ("stack",),
        "lr": ("stack",),
        "mf": ("matrix_factorization", "factorization"),
        "ngcf": ("lightgcn",),
        "popularity": ("bias",),
        "widedeep": ("deepfm",),
        "xdeepfm": ("deepfm",),
        "xgboost": ("boosted_trees",),
    },
    "sampler": {
        "bernoulli": ("uniform",),
        "coreset": ("loss_based", "leverage"),
        "full": ("uniform",),
        "none": ("uniform",),
        "random": ("uniform",),
        "recency": ("recent",),
    },
}
"""Options of a group by other names of the same, or of what comes nearest to it; without `-` and `_`."""


def nearest(name: str, known: Iterable[str], n: int = 3, cutoff: float = 0.6) -> list[str]:
    """Return the known names that are most like an unknown one, whatever the case of either, best first.

    Parameters
    ----------
    name : the unknown name; its first 100 characters count.
    known : to choose from.
    n : most names.
    cutoff : least likeness, in [0, 1], as `difflib` measures it.

    >>> nearest("DLRN", ["bias", "dlrm"]), nearest("xyz", ["bias", "dlrm"])
    (['dlrm'], [])
    """
    by_lower: dict[str, list[str]] = {}
    for own in known:
        by_lower.setdefault(own.lower(), []).append(own)
    near = get_close_matches(name[:100].lower(), by_lower, n=n, cutoff=cutoff)
    return [own for lower in near for own in by_lower[lower]][:n]


def nearest_options(group: str, name: str, known: Collection[str]) -> list[str]:
    """Return the options of a configuration group that an unknown name may stand for.

    >>> nearest_options("sampler", "Random", ["uniform", "users"])
    ['uniform']
    """
    synonyms = OPTION_SYNONYMS.get(group, {}).get(_plain(name), ())
    exact = [own for own in known if _plain(own) == _plain(name)]
    return exact or [own for own in synonyms if own in known] or nearest(name, known)


def nearest_keys(key: str, known: Collection[str]) -> list[str]:
    """Return the keys of the configuration that an unknown one may stand for: the whole key, or its last part.

    >>> nearest_keys("lr", ["trainer.learning_rate", "seed"]), nearest_keys("smapler.rate", ["sampler.rate"])
    (['trainer.learning_rate'], ['sampler.rate'])
    """
    last = key.rpartition(".")[2]
    synonyms = [own for own in KEY_SYNONYMS.get(last.lower(), ()) if own in known]
    if synonyms and key.lower() != last.lower():
        group = key.lower().partition(".")[0]
        synonyms = [own for own in synonyms if own.startswith(f"{group}.")] or synonyms
    same_case = [own for own in known if own.lower() == key.lower()]
    near = same_case or synonyms or nearest(key, known, cutoff=0.75)
    return near or [own for own in known if nearest(last, [own.rpartition(".")[2]], cutoff=0.7)][:3]


def _plain(name: str) -> str:
    """Return a name in lower case, without what spellings differ in."""
    return name.lower().replace("-", "").replace("_", "").replace("+", "")
