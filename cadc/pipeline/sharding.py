"""Whether the processes of a run share the rows of its tables, and which runs can."""

from torch import nn

from cadc.distributed.ranks import Ranks
from cadc.embeddings.schemes.full import Full
from cadc.embeddings.sharded.table import sharded_tables
from cadc.errors import UsageError
from cadc.pipeline.settings import Settings

GIVEN = "trainer.tables=sharded"


def shares_tables(settings: Settings) -> bool:
    """Tell whether the processes of a run share the rows of its tables, where there are several."""
    return settings.fit is not None and settings.fit.option("tables") == "sharded"


def require_shareable_tables(settings: Settings) -> None:
    """Raise a UsageError for a run whose tables cannot be shared by several processes."""
    if not shares_tables(settings):
        return
    assert settings.scheme is not None
    name, instead = settings.scheme.cls.__name__, "or leave trainer.tables out"
    if settings.scheme.cls is not Full:
        raise UsageError(
            f"{GIVEN} shares the rows of uncompressed tables, and the scheme is {name}, whose tables fit into one "
            f"process; set embedding=full, {instead}."
        )
    if settings.scheme.option("dtype") != "float32":
        raise UsageError(
            f"{GIVEN} shares tables of float32, and embedding.dtype is {settings.scheme.option('dtype')}; leave "
            f"embedding.dtype out, {instead}."
        )
    if settings.task == "ranking":
        raise UsageError(
            f"{GIVEN} trains models that score rows, and {settings.model.cls.__name__} ranks items, of each of which "
            f"a process needs the vector; use a model of task=ctr, {instead}."
        )
    if settings.starts_from_factors and settings.factorized_rows == "crossfit":
        raise UsageError(
            f"{GIVEN} starts tables from one factorisation, and factorization_rows=crossfit has one for each fold; set "
            f"factorization_rows=full or complement, {instead}."
        )


def require_shared(model: nn.Module, ranks: Ranks | None) -> None:
    """Raise a UsageError for a model without a table that ranks share; None shares none."""
    if ranks is not None and not sharded_tables(model):
        raise UsageError(
            f"{GIVEN} shares embedding tables, and {type(model).__name__} has none; leave trainer.tables out."
        )
