"""Whether the components of a run fit together, checked before data is read or anything is run."""

from os import cpu_count

from cadc.configuration.components import Component
from cadc.distributed.placement import own_placement
from cadc.errors import UsageError
from cadc.factorization.factorization import Factorization
from cadc.pipeline.settings import Settings
from cadc.pipeline.several import require_several


def require_compatible(settings: Settings) -> None:
    """Build every component of a run once, and raise a UsageError for wrong options or components that do not fit."""
    if not 1 <= settings.threads <= (cpu_count() or 1):
        raise UsageError(f"threads is {settings.threads}; this machine has {cpu_count()} processors.")
    settings.split.build()
    require_several(settings, own_placement())
    for group, component in settings.used().items():
        if group != "model":  # which is built from the log
            component.build()
    if settings.factorization is not None:
        _require_logits(settings, settings.factorization)
    if settings.factorization is not None or settings.views:
        _require_rows(settings)
    if settings.views and settings.task == "ctr" and settings.model_reads_factors:
        raise UsageError(
            "model.residual=true corrects the logit of the factorisation, and with views a network corrects their "
            "stack; set model.residual=false, and choose the view factorization for that logit."
        )


def _require_logits(settings: Settings, factorization: Component[Factorization]) -> None:
    """Raise a UsageError if scores that only order rows would be taken for logits of label 1."""
    reads_logits = settings.model_reads_factors and (settings.is_trained or not settings.model.cls.fits_sample)
    if settings.task == "ctr" and reads_logits and factorization.cls.kind == "score":
        raise UsageError(
            f"{factorization.cls.__name__} gives scores that only order rows, but {settings.model.cls.__name__} takes "
            "logits of label 1; set model=platt, which fits scores to the labels, or factorization=logistic."
        )


def _require_rows(settings: Settings) -> None:
    """Raise a UsageError if the rows that a factorisation reads would tell of those that it must not know."""
    if settings.n_folds < 2:
        raise UsageError(f"factorization_folds is {settings.n_folds}; cross-fitting needs at least 2.")
    if settings.views and settings.factorized_rows == "full":
        raise UsageError(
            "factorization_rows=full lets views read the labels of the rows that the model is fitted on; set "
            "factorization_rows=complement (all rows but the sample), or crossfit (all rows, fold by fold)."
        )
    if settings.factorized_rows != "complement" or not settings.reads_whole_log:
        return
    assert settings.sampler is not None
    if not settings.sampler.cls.allows_complement:
        raise UsageError(
            "factorization_rows=complement needs a sampler that takes rows one by one and without looking at "
            f"their labels, which {settings.sampler.cls.__name__} does not; set factorization_rows=crossfit."
        )
    # A stream has rows beside those that train, unless its factorisation reads these alone.
    reads_past = settings.protocol is not None and settings.protocol.option("factorize") != "segment"
    if settings.sampler.option("rate") == 1 and not reads_past:
        raise UsageError(
            "the sample holds all training rows, so factorization_rows=complement has none to read; lower "
            "sampler.rate, or set factorization_rows=crossfit."
        )
