"""How a stream trains, read from the configuration of a run."""

from cadc.configuration.components import Component
from cadc.errors import UsageError
from cadc.factorization.factorization import FIT_ANEW, Factorization
from cadc.pipeline.seeds import Config
from cadc.sampling.sampler import Sampler
from cadc.streams.protocol import Protocol

OF_FACTORS = ("factorize", "warm", "passes", "known")
"""Options that say nothing where a run has no factorisation."""


def protocol_of(
    config: Config, sampler: Component[Sampler], factors: Component[Factorization] | None
) -> Component[Protocol]:
    """Return the protocol of a stream, without options of a factorisation where there is none.

    Raises
    ------
    UsageError : for a sampler that keeps no reservoir, and a factorisation that cannot go on though it has to.
    """
    found = Component.read(config["stream"], "stream", Protocol)
    if found.option("keep") == "sampler" and not sampler.cls.keeps_reservoirs:
        raise UsageError(
            f"stream.keep=sampler has the sampler choose the rows that are kept, and {sampler.cls.__name__} cannot do "
            "that segment by segment; set stream.keep=uniform, or choose sampler=popularity, say."
        )
    if factors is None:
        options = {name: value for name, value in found.options.items() if name not in OF_FACTORS}
        return Component(found.cls, options, found.path)
    if found.option("warm") and not factors.cls.goes_on:
        raise UsageError(f"{factors.cls.__name__} cannot go on from earlier factors; {FIT_ANEW}")
    if found.option("warm") and config.get("factorization_rows", "full") == "crossfit":
        raise UsageError(
            "factorization_rows=crossfit deals the rows of each segment into folds of its own, so that its "
            "factorisations cannot go on from earlier ones; set stream.warm=false, or factorization_rows=full."
        )
    return found
